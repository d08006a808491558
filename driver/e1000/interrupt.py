"""The interrupt handlers, and the polls that NAPI calls (e1000_intr and e1000_clean in e1000_main.c)."""

from __future__ import annotations

from typing import cast

from driver.e1000.adapter import OTHER_CAUSES, POLL_CAUSES, RX_CAUSES, TX_CAUSES, Adapter
from driver.e1000.hw import ALL_CAUSES, DEVICE_GONE, e1000_write_flush, er32, ew32
from driver.e1000.moderation import e1000_update_dim
from driver.e1000.rx_ring import RX_BUFFER_WRITE, RxRing, e1000_alloc_rx_buffers, e1000_rx_skb
from driver.e1000.tx_ring import e1000_clean_tx_irq
from driver.kernel.cpu import spend
from driver.kernel.irq import IrqReturn, synchronize_irq
from driver.kernel.net.dev import netif_receive_skb, netif_rx
from driver.kernel.net.gro import napi_gro_receive
from driver.kernel.net.napi import Napi, __napi_schedule, napi_complete_done, napi_schedule_prep
from driver.kernel.net.netdev_features import NETIF_F_GRO
from driver.kernel.spinlock import spin_lock, spin_lock_irqsave, spin_unlock, spin_unlock_irqrestore
from hdl.nic.regmap import ICR, ICS, IMC, IMS


async def e1000_irq_enable(adapter: Adapter) -> None:
    """Unmask every cause that the driver uses."""
    adapter.masked = 0
    await ew32(adapter.hw, IMS, POLL_CAUSES | OTHER_CAUSES)


async def e1000_irq_disable(adapter: Adapter) -> None:
    """Mask everything and wait until no handler runs. Sleeps."""
    await ew32(adapter.hw, IMC, ALL_CAUSES)
    await e1000_write_flush(adapter.hw)
    await synchronize_irq(adapter.pdev.irq)


async def e1000_intr(_irq: int, dev_id: object) -> IrqReturn:
    """Interrupt handler: mask the causes that a poll services, and leave the work to it."""
    adapter = cast(Adapter, dev_id)
    await spin_lock(adapter.mask_lock)
    icr = await _read_causes(adapter)
    receive = icr & RX_CAUSES and napi_schedule_prep(adapter.napi)
    completed = icr & TX_CAUSES and napi_schedule_prep(adapter.tx_napi)
    if receive or completed:
        causes = (RX_CAUSES if receive else 0) | (TX_CAUSES if completed else 0)
        adapter.masked |= causes
        await ew32(adapter.hw, IMC, causes)
    spin_unlock(adapter.mask_lock)
    if receive or completed:
        await e1000_write_flush(adapter.hw)  # the line is low before the handler ends
    if completed:
        __napi_schedule(adapter.tx_napi)
    if receive:
        __napi_schedule(adapter.napi)
    return IrqReturn.HANDLED if icr else IrqReturn.NONE


async def _unmask(adapter: Adapter, causes: int) -> None:
    """A poll is complete. Causes latched meanwhile interrupt at once: nothing rots between its last look and here.

    The other poll's causes may interrupt in between: a handler that masked these, too, would have them unmasked behind
    its back, were it not for the lock. (Linux's e1000 masks all at once; stmmac_main.c has ch->lock for its two.)
    """
    flags = await spin_lock_irqsave(adapter.mask_lock)
    adapter.masked &= ~causes
    await ew32(adapter.hw, IMS, causes)
    spin_unlock_irqrestore(adapter.mask_lock, flags)


async def e1000_clean(napi: Napi, budget: int) -> int:
    """poll() of reception: take up to ``budget`` packets off the ring; when it is empty, complete and unmask.

    With a budget of 0, from netpoll, there is nothing to do.
    """
    assert napi.dev is not None
    adapter = cast(Adapter, napi.dev.priv)
    if not budget:
        return 0
    work_done = await e1000_clean_rx_irq(adapter, budget, napi, adapter.rx_ring)
    if work_done == budget:
        return budget
    if await napi_complete_done(napi, work_done) and not adapter.down:
        if adapter.dim is not None:
            e1000_update_dim(adapter, adapter.dim)
        await _unmask(adapter, RX_CAUSES)
    return work_done


async def e1000_clean_tx(napi: Napi, budget: int) -> int:
    """poll() of transmission: reclaim what was sent, then complete and unmask; from netpoll, with a budget of 0, not.

    It is no work in the sense of the budget, which is that of received packets.
    """
    assert napi.dev is not None
    adapter = cast(Adapter, napi.dev.priv)
    await e1000_clean_tx_irq(adapter, adapter.tx_ring, budget)
    if budget and await napi_complete_done(napi, 0) and not adapter.down:
        await _unmask(adapter, TX_CAUSES)
    return 0


async def e1000_clean_rx_irq(adapter: Adapter, work_to_do: int, napi: Napi, ring: RxRing) -> int:
    """Pass packets to the stack and refill the ring behind them; returns how many descriptors were cleaned."""
    costs = adapter.pdev.machine.costs
    packet_ns = costs.rx_packet + costs.skb_alloc
    dim = adapter.dim
    gro = adapter.netdev.features & NETIF_F_GRO
    napi_id = napi.id
    unused = ring.unused
    work_done = 0
    while work_done < work_to_do:
        writeback = ring.done()
        if writeback is None:
            break
        await spend(packet_ns)
        skb = e1000_rx_skb(adapter, ring, writeback)
        work_done += 1
        unused += 1
        if skb is not None:
            if dim is not None:
                adapter.total_rx_packets += 1
                adapter.total_rx_bytes += skb.len
            if gro:
                await napi_gro_receive(napi, skb)
            else:
                skb.napi_id = napi_id
                await netif_receive_skb(skb)
        if unused >= RX_BUFFER_WRITE:
            await e1000_alloc_rx_buffers(adapter, ring, unused)
            unused = ring.unused
    if unused:
        await e1000_alloc_rx_buffers(adapter, ring, unused)
    return work_done


async def e1000_intr_netif_rx(_irq: int, dev_id: object) -> IrqReturn:
    """Interrupt handler without NAPI: one packet per interrupt, straight into the backlog.

    One receive cause stands for any number of packets. If more are in the ring, ICS asks for another interrupt before
    this packet is worked on: so the line is high again when the handler ends, or soon after.
    """
    adapter = cast(Adapter, dev_id)
    ring, costs = adapter.rx_ring, adapter.pdev.machine.costs
    icr = await _read_causes(adapter)
    if icr & TX_CAUSES:
        await e1000_clean_tx_irq(adapter, adapter.tx_ring, 0)
    if icr & RX_CAUSES:
        writeback = ring.done()
        if writeback is not None:
            skb = e1000_rx_skb(adapter, ring, writeback)
            if ring.done() is not None and not adapter.down:
                await ew32(adapter.hw, ICS, ICR.RXT0)
            await spend(costs.rx_packet + costs.skb_alloc)
            if skb is not None:
                await netif_rx(skb)
        if ring.unused >= RX_BUFFER_WRITE:
            await e1000_alloc_rx_buffers(adapter, ring, ring.unused)
    return IrqReturn.HANDLED if icr else IrqReturn.NONE


async def _read_causes(adapter: Adapter) -> int:
    """Read ICR, and so acknowledge; returns the causes that interrupted. Link changes are dealt with here.

    The read clears masked causes too: they are set again, to interrupt when their poll unmasks them.
    """
    icr = await er32(adapter.hw, ICR)
    if icr == DEVICE_GONE:
        return 0
    masked = icr & adapter.masked
    if masked:
        await ew32(adapter.hw, ICS, masked)
    icr &= (POLL_CAUSES | OTHER_CAUSES) & ~masked
    if icr & ICR.LSC and not adapter.down:
        adapter.get_link_status = True
        adapter.watchdog_timer.mod(adapter.pdev.machine.jiffies + 1)
    if icr & RX_CAUSES:
        adapter.rx_irqs += 1
    return icr
