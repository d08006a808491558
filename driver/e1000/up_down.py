"""Bringing the device up and down, resetting it, and looking after it every two seconds (e1000_main.c)."""

from __future__ import annotations

import logging

from driver.e1000.adapter import RX_CAUSES, VLAN_MODE, Adapter
from driver.e1000.hw import (
    STATISTICS,
    e1000_clear_hw_cntrs,
    e1000_init_rx_addrs,
    e1000_reset_hw,
    e1000_vlan_mode,
    e1000_write_flush,
    er32,
    ew32,
)
from driver.e1000.interrupt import e1000_irq_disable, e1000_irq_enable
from driver.e1000.link import e1000_has_link, e1000_setup_link
from driver.e1000.q_vector import (
    e1000_configure_msix,
    e1000_configure_rx_queues,
    e1000_configure_tx_queues,
    e1000_kick_empty_rings,
    e1000_msix_irq_disable,
    e1000_msix_irq_enable,
)
from driver.e1000.rx_mode import e1000_set_rx_mode
from driver.e1000.rx_ring import DESCRIPTOR_BYTES, e1000_alloc_rx_buffers, e1000_clean_rx_ring
from driver.e1000.tx_ring import e1000_clean_tx_ring
from driver.kernel.io import Iomem, readl
from driver.kernel.net.napi import napi_disable, napi_enable
from driver.kernel.net.netdev_features import NETIF_F_RXCSUM
from driver.kernel.net.netdev_queue import netif_tx_disable, netif_tx_wake_all_queues
from driver.kernel.net.netdevice import netif_carrier_off, netif_carrier_on
from driver.kernel.printk import printk_once
from driver.kernel.timer import msleep, usleep_range
from hdl.nic.regmap import (
    ICR,
    ICS,
    ITR,
    PBA,
    RADV,
    RCTL,
    RDBAH,
    RDBAL,
    RDH,
    RDLEN,
    RDT,
    RDTR,
    RQDPC,
    RXCSUM,
    TADV,
    TCTL,
    TDBAH,
    TDBAL,
    TDH,
    TDLEN,
    TDT,
    TIDV,
    TIPG,
    WUC,
)

WATCHDOG_SECONDS = 2

#: Gaps that the SDM recommends for copper (13.4.34); only the first matters with full duplex.
_TIPG = TIPG.IPGT.put(8) | TIPG.IPGR1.put(8) | TIPG.IPGR2.put(6)

#: Collision threshold and distance that the SDM recommends; they matter with half duplex only.
_TCTL = TCTL.EN | TCTL.PSP | TCTL.RTLC | TCTL.CT.put(15) | TCTL.COLD.put(64)


async def e1000_reset(adapter: Adapter) -> None:
    """Put the device into a known state with the present settings: interface down, but the link may come up."""
    await ew32(adapter.hw, PBA, PBA.reset)
    await e1000_reset_hw(adapter.hw)
    await ew32(adapter.hw, WUC, 0)
    if not await e1000_init_hw(adapter):
        printk_once(adapter.pdev.machine, logging.ERROR, "%s: Hardware Error", adapter.pdev.name)


async def e1000_init_hw(adapter: Adapter) -> bool:
    """Receive addresses, link and counters after a reset (SDM 14.3); false if there is no PHY."""
    await e1000_init_rx_addrs(adapter.hw, adapter.netdev.dev_addr)
    done = await e1000_setup_link(adapter)
    await e1000_clear_hw_cntrs(adapter.hw)
    return done


async def e1000_configure(adapter: Adapter) -> None:
    """Program the rings, fill that of reception, turn transmitter and receiver on (SDM 14.4, 14.5)."""
    await e1000_set_rx_mode(adapter)
    if adapter.netdev.features & VLAN_MODE:
        await e1000_vlan_mode(adapter.hw, on=True)
    await e1000_configure_tx(adapter)
    if adapter.q_vectors:
        await e1000_configure_msix(adapter)
    await e1000_configure_rx(adapter)
    for ring in adapter.rx_rings:
        await e1000_alloc_rx_buffers(adapter, ring, ring.unused)


async def e1000_configure_tx(adapter: Adapter) -> None:
    """Program the transmit rings, and turn the transmitter on."""
    hw, ring = adapter.hw, adapter.tx_ring
    if adapter.q_vectors:
        await e1000_configure_tx_queues(adapter)
    else:
        await ew32(hw, TDLEN, ring.count * DESCRIPTOR_BYTES)
        await ew32(hw, TDBAH, ring.desc.dma >> 32)
        await ew32(hw, TDBAL, ring.desc.dma & TDBAL.BASE)
        await ew32(hw, TDT, 0)
        await ew32(hw, TDH, 0)
    await ew32(hw, TIPG, _TIPG)
    await ew32(hw, TIDV, adapter.tx_int_delay)
    await ew32(hw, TADV, adapter.tx_abs_int_delay)
    await ew32(hw, TCTL, _TCTL)


async def e1000_configure_rx(adapter: Adapter) -> None:
    """Program the receive ring and moderation, and turn the receiver on."""
    hw, ring = adapter.hw, adapter.rx_ring
    await ew32(hw, RDTR, adapter.rx_int_delay)
    await ew32(hw, RADV, adapter.rx_abs_int_delay)
    if adapter.q_vectors:
        await e1000_configure_rx_queues(adapter)
        await ew32(hw, RCTL, RCTL.EN | RCTL.BAM | RCTL.SECRC)
        return
    await ew32(hw, ITR, adapter.itr)
    await ew32(hw, RDBAL, ring.desc.dma & RDBAL.BASE)
    await ew32(hw, RDBAH, ring.desc.dma >> 32)
    await ew32(hw, RDLEN, ring.count * DESCRIPTOR_BYTES)
    await ew32(hw, RDH, 0)
    await ew32(hw, RDT, 0)
    await e1000_configure_rxcsum(hw, adapter.netdev.features)
    filters = await er32(hw, RCTL) & (RCTL.UPE | RCTL.MPE | RCTL.VFE)
    await ew32(hw, RCTL, filters | RCTL.EN | RCTL.BAM | RCTL.SECRC)  # BSIZE 0: buffers of 2048 bytes


async def e1000_configure_rxcsum(hw: Iomem, features: int) -> None:
    """Have the device verify checksums, or not, as the interface's features say."""
    rxcsum = await er32(hw, RXCSUM) & ~RXCSUM.TUOFLD
    if features & NETIF_F_RXCSUM:
        rxcsum |= RXCSUM.TUOFLD
    await ew32(hw, RXCSUM, rxcsum)


async def e1000_up(adapter: Adapter) -> None:
    """The device is configured and its interrupt handler in place: let it work."""
    adapter.down = False
    for napi in adapter.napis:
        napi_enable(napi)
    if adapter.q_vectors:  # events so far have set bits in EICR that interrupt now
        await e1000_msix_irq_enable(adapter)
        await e1000_watchdog(adapter)
        return
    stale = await er32(adapter.hw, ICR)
    await e1000_irq_enable(adapter)
    if stale & RX_CAUSES:  # not stale: a frame has come since the receiver is on
        await ew32(adapter.hw, ICS, stale & RX_CAUSES)
    await e1000_watchdog(adapter)


async def e1000_down(adapter: Adapter) -> None:
    """Receiver and transmitter off, interrupts off, NAPI off, reset, then empty the rings: in this order. Sleeps."""
    hw, dev = adapter.hw, adapter.netdev
    adapter.down = True
    await ew32(hw, RCTL, await er32(hw, RCTL) & ~RCTL.EN)
    await netif_tx_disable(dev)
    await ew32(hw, TCTL, 0)
    await e1000_write_flush(hw)
    await usleep_range(10, 20)  # frames on their way to memory get there
    if any(queue.dql.num_queued for queue in dev.tx_queues):
        await msleep(10)  # and those in the transmit FIFO on the wire
    await e1000_irq_disable(adapter)
    if adapter.q_vectors:
        await e1000_msix_irq_disable(adapter)
    for napi in adapter.napis:
        await napi_disable(napi)
    adapter.watchdog_timer.delete()
    netif_carrier_off(dev)
    await e1000_update_stats(adapter)
    await e1000_reset(adapter)
    for tx_ring in adapter.tx_rings:
        e1000_clean_tx_ring(adapter, tx_ring)
    for ring in adapter.rx_rings:
        e1000_clean_rx_ring(adapter, ring)


def schedule_reset(adapter: Adapter) -> None:
    """schedule_work(&adapter->reset_task)."""
    adapter.pdev.machine.kthread_run(e1000_reset_task(adapter), "kworker/0:2")


async def e1000_reset_task(adapter: Adapter) -> None:
    """Down and up again, unless somebody does it or the interface is going down (e1000_reinit_locked)."""
    if adapter.down or adapter.resetting:
        return
    adapter.resetting = True
    await e1000_down(adapter)
    await e1000_configure(adapter)
    await e1000_up(adapter)
    netif_tx_wake_all_queues(adapter.netdev)
    adapter.resetting = False


async def e1000_watchdog(adapter: Adapter) -> None:
    """Every two seconds, and when the link changed: link, statistics, and a kick for a ring that ran dry."""
    if adapter.down:
        return
    if await e1000_has_link(adapter):
        netif_carrier_on(adapter.netdev)
    else:
        netif_carrier_off(adapter.netdev)
        # Without a link nobody ever completes what is on a ring.
        if any(ring.next_to_clean != ring.next_to_use for ring in adapter.tx_rings):
            adapter.tx_timeout_count += 1
            schedule_reset(adapter)
            return
    await e1000_update_stats(adapter)
    if adapter.q_vectors:
        await e1000_kick_empty_rings(adapter)
    elif adapter.rx_ring.unused == adapter.rx_ring.count - 1:  # no buffer in the device: no interrupt would ever come
        await ew32(adapter.hw, ICS, RX_CAUSES)
    machine = adapter.pdev.machine
    adapter.watchdog_timer.mod(machine.jiffies + WATCHDOG_SECONDS * machine.sysctl.hz)


async def e1000_update_stats(adapter: Adapter) -> None:
    """Add the statistics registers, which clear on read, to their sums."""
    for register in STATISTICS:
        adapter.hw_stats[register.__name__] += await er32(adapter.hw, register)
    for queue in range(len(adapter.q_vectors)):
        adapter.rx_queue_drops[queue] += await readl(adapter.hw + RQDPC.at_queue(queue))
