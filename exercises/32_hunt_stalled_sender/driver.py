"""Exercise 32, a bug hunt: sends well, until a packet cannot be mapped."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import cast

from driver.kernel.cpu import spend, this_cpu
from driver.kernel.dma import (
    CoherentMemory,
    DmaDirection,
    dma_alloc_coherent,
    dma_free_coherent,
    dma_map_single,
    dma_mapping_error,
    dma_rmb,
    dma_unmap_single,
    dma_wmb,
    smp_mb,
)
from driver.kernel.io import Iomem, readl, writel
from driver.kernel.irq import IRQF_SHARED, IrqReturn, free_irq, request_irq, synchronize_irq
from driver.kernel.net.hard_start_xmit import NETDEV_TX_BUSY, NETDEV_TX_OK
from driver.kernel.net.napi import (
    Napi,
    __napi_schedule,
    napi_complete_done,
    napi_disable,
    napi_enable,
    napi_schedule_prep,
    netif_napi_add_tx,
)
from driver.kernel.net.netdev_queue import (
    netdev_completed_queue,
    netdev_reset_queue,
    netdev_sent_queue,
    netdev_xmit_more,
    netif_queue_stopped,
    netif_start_queue,
    netif_stop_queue,
    netif_tx_disable,
    netif_wake_queue,
    netif_xmit_stopped,
)
from driver.kernel.net.netdevice import NetDevice, NetDeviceOps, netif_carrier_on, register_netdev
from driver.kernel.net.skbuff import SkBuff, kfree_skb_reason
from driver.kernel.net.xmit import napi_consume_skb
from driver.kernel.pci import PciDev, pci_enable_device
from driver.kernel.timer import usleep_range
from hdl.nic.layouts import TxCommand, TxDescriptor, TxStatus
from hdl.nic.regmap import CTRL, ICR, IMC, IMS, STATUS, TCTL, TDBAH, TDBAL, TDH, TDLEN, TDT, TIDV, TIPG

RING = 64  # descriptors

DESC = TxDescriptor.as_shape().size // 8
STATUS_AT = TxDescriptor.as_shape()["status"].offset // 8
DD = 1 << TxStatus.as_shape()["DD"].offset
COMMAND = sum(1 << TxCommand.as_shape()[name].offset for name in ("EOP", "IFCS", "RS", "IDE"))

TX_CAUSES = int(ICR.TXDW)
TX_INT_DELAY = 8  # TIDV, in units of 1.024 us: one interrupt for what is sent in a row


@dataclass(eq=False)
class Adapter:
    """One device (struct e1000_adapter)."""

    netdev: NetDevice
    pdev: PciDev
    hw: Iomem
    napi: Napi
    desc: CoherentMemory | None = None
    skbs: list[SkBuff | None] = field(default_factory=lambda: [None] * RING)
    next_to_use: int = 0
    next_to_clean: int = 0

    @property
    def unused(self) -> int:
        """Slots that are free; one stays empty (E1000_DESC_UNUSED)."""
        return (self.next_to_clean - self.next_to_use - 1) % RING


# --- transmit ---------------------------------------------------------------------------------------------------------


async def e1000_xmit_frame(skb: SkBuff, netdev: NetDevice) -> int:
    """ndo_start_xmit: put a packet on the ring and tell the device."""
    adapter = cast(Adapter, netdev.priv)
    await spend(this_cpu().machine.costs.tx_packet)
    if not adapter.unused:
        netif_stop_queue(netdev)
        return NETDEV_TX_BUSY  # never, since the queue is stopped before
    dma = dma_map_single(adapter.pdev, skb.head, skb.len, DmaDirection.TO_DEVICE)
    if dma_mapping_error(adapter.pdev, dma):
        kfree_skb_reason(skb, "NOT_SPECIFIED")
        return NETDEV_TX_OK
    slot = adapter.next_to_use
    adapter.skbs[slot] = skb
    cast(CoherentMemory, adapter.desc).write(slot * DESC, struct.pack("<QHBBBBH", dma, skb.len, 0, COMMAND, 0, 0, 0))
    adapter.next_to_use = (slot + 1) % RING
    await e1000_maybe_stop_tx(adapter)
    netdev_sent_queue(netdev, skb.len)
    if not netdev_xmit_more() or netif_xmit_stopped(netdev.tx_queues[0]):
        dma_wmb()
        await writel(adapter.next_to_use, adapter.hw + TDT.offset)  # one doorbell for all that came in a row
    return NETDEV_TX_OK


async def e1000_maybe_stop_tx(adapter: Adapter) -> None:
    """Stop the queue if the next packet would find no room."""
    if adapter.unused:
        return
    netif_stop_queue(adapter.netdev)
    await smp_mb()
    if adapter.unused:  # reclaimed before the queue was stopped: nobody will wake it
        netif_start_queue(adapter.netdev)


async def e1000_clean_tx_irq(adapter: Adapter, budget: int) -> None:
    """Free what the device has sent, and wake the queue if there is room again."""
    desc, packets, nbytes = cast(CoherentMemory, adapter.desc), 0, 0
    while adapter.next_to_clean != adapter.next_to_use:
        slot = adapter.next_to_clean
        if not desc.read(slot * DESC + STATUS_AT, 1)[0] & DD:
            break
        dma_rmb()
        skb = e1000_take_skb(adapter)
        packets, nbytes = packets + 1, nbytes + skb.len
        napi_consume_skb(skb, budget)
    netdev_completed_queue(adapter.netdev, packets, nbytes)
    if packets and netif_queue_stopped(adapter.netdev):
        netif_wake_queue(adapter.netdev)
    await spend(packets * this_cpu().machine.costs.tx_clean)


def e1000_take_skb(adapter: Adapter) -> SkBuff:
    """Take the oldest packet off the ring, unmapped."""
    slot = adapter.next_to_clean
    skb, adapter.skbs[slot] = cast(SkBuff, adapter.skbs[slot]), None
    dma_unmap_single(adapter.pdev, skb.head, skb.len, DmaDirection.TO_DEVICE)
    adapter.next_to_clean = (slot + 1) % RING
    return skb


# --- interrupt and poll -----------------------------------------------------------------------------------------------


async def e1000_intr(_irq: int, dev_id: object) -> IrqReturn:
    """Interrupt handler: mask, schedule."""
    adapter = cast(Adapter, dev_id)
    icr = await readl(adapter.hw + ICR.offset)
    if not icr & TX_CAUSES:
        return IrqReturn.NONE
    if napi_schedule_prep(adapter.napi):
        await writel(TX_CAUSES, adapter.hw + IMC.offset)
        await readl(adapter.hw + STATUS.offset)
        __napi_schedule(adapter.napi)
    return IrqReturn.HANDLED


async def e1000_clean(napi: Napi, budget: int) -> int:
    """poll(): the budget is for received packets; all that was sent is reclaimed."""
    adapter = cast(Adapter, cast(NetDevice, napi.dev).priv)
    await e1000_clean_tx_irq(adapter, budget)
    if budget and await napi_complete_done(napi, 0):
        await writel(TX_CAUSES, adapter.hw + IMS.offset)
    return 0


# --- probe, open, stop ------------------------------------------------------------------------------------------------


async def e1000_probe(pdev: PciDev) -> NetDevice:
    """Take over a device and register its interface."""
    pci_enable_device(pdev)
    netdev = NetDevice(pdev.machine, "", Ops(), None, driver="e1000", parent=pdev)
    netdev.priv = Adapter(netdev, pdev, pdev.iomap(), netif_napi_add_tx(netdev, e1000_clean))
    register_netdev(netdev)
    return netdev


class Ops(NetDeviceOps):
    """e1000_netdev_ops; what is not here does nothing."""

    async def ndo_open(self, dev: NetDevice) -> int:
        """Ring, transmitter, handler, NAPI, unmask, queue."""
        adapter = cast(Adapter, dev.priv)
        hw = adapter.hw
        adapter.desc = dma_alloc_coherent(adapter.pdev, RING * DESC)
        if adapter.desc is None:
            return -12
        await writel(await readl(hw + CTRL.offset) | CTRL.SLU, hw + CTRL.offset)
        for register, value in (
            (TDBAL, adapter.desc.dma & TDBAL.BASE),
            (TDBAH, adapter.desc.dma >> 32),
            (TDLEN, RING * DESC),
            (TDH, 0),
            (TDT, 0),
            (TIPG, TIPG.IPGT.put(8) | TIPG.IPGR1.put(8) | TIPG.IPGR2.put(6)),
            (TIDV, TX_INT_DELAY),
            (TCTL, TCTL.EN | TCTL.PSP | TCTL.CT.put(15) | TCTL.COLD.put(64)),
        ):
            await writel(value, hw + register.offset)
        error = request_irq(adapter.pdev.irq, e1000_intr, IRQF_SHARED, dev.name, adapter)
        if error:
            return error
        napi_enable(adapter.napi)
        await writel(TX_CAUSES, hw + IMS.offset)
        netif_carrier_on(dev)
        netif_start_queue(dev)
        return 0

    async def ndo_stop(self, dev: NetDevice) -> int:
        """Queue, transmitter, interrupt and NAPI off; handler, packets and ring gone."""
        adapter = cast(Adapter, dev.priv)
        await netif_tx_disable(dev)
        await writel(0, adapter.hw + TCTL.offset)
        await writel(IMC.writable, adapter.hw + IMC.offset)
        await readl(adapter.hw + STATUS.offset)
        await usleep_range(50, 60)  # what the transmitter has begun
        await synchronize_irq(adapter.pdev.irq)
        await napi_disable(adapter.napi)
        await free_irq(adapter.pdev.irq, adapter)
        while adapter.next_to_clean != adapter.next_to_use:
            kfree_skb_reason(e1000_take_skb(adapter), "NOT_SPECIFIED")
        adapter.next_to_use = adapter.next_to_clean = 0
        netdev_reset_queue(dev)
        dma_free_coherent(adapter.pdev, cast(CoherentMemory, adapter.desc))
        return 0

    async def ndo_start_xmit(self, skb: SkBuff, dev: NetDevice) -> int:
        """Send a packet."""
        return await e1000_xmit_frame(skb, dev)
