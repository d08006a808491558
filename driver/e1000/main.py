"""Probe, open, stop, watchdog and statistics of the interface (e1000_main.c)."""

from __future__ import annotations

from typing import cast

from driver.e1000.adapter import RX_CAUSES, STATISTICS, Adapter
from driver.e1000.hw import (
    e1000_rar_set,
    e1000_reset_hw,
    e1000_set_link_up,
    e1000_write_flush,
    er32,
    ew32,
)
from driver.e1000.interrupt import e1000_clean, e1000_intr, e1000_intr_netif_rx, e1000_irq_disable, e1000_irq_enable
from driver.e1000.rx_ring import (
    DESCRIPTOR_BYTES,
    RxRing,
    e1000_alloc_rx_buffers,
    e1000_free_rx_resources,
    e1000_setup_rx_resources,
)
from driver.kernel.dma import dma_set_mask_and_coherent
from driver.kernel.irq import IRQF_SHARED, free_irq, request_irq
from driver.kernel.net.hard_start_xmit import NETDEV_TX_OK
from driver.kernel.net.napi import NAPI_POLL_WEIGHT, napi_disable, napi_enable, netif_napi_add_weight, netif_napi_del
from driver.kernel.net.netdevice import (
    NetDevice,
    NetDeviceFlags,
    RtnlLinkStats64,
    netif_carrier_off,
    netif_carrier_on,
    register_netdev,
    unregister_netdev,
)
from driver.kernel.net.skbuff import SkBuff, kfree_skb_reason
from driver.kernel.pci import PciDev, pci_disable_device, pci_enable_device
from driver.kernel.timer import TimerList, usleep_range
from hdl.nic.regmap import ICR, ICS, RCTL, RDBAH, RDBAL, RDH, RDLEN, RDT, STATUS

ENOMEM = 12

#: Ring sizes that RDLEN can express: a multiple of 128 bytes; the driver's bounds are those of the 82544 and later.
MIN_RXD, MAX_RXD, RXD_MULTIPLE = 48, 4096, 8

WATCHDOG_SECONDS = 2


async def e1000_probe(
    pdev: PciDev, *, use_napi: bool = True, rx_descriptors: int = 256, weight: int = NAPI_POLL_WEIGHT
) -> NetDevice:
    """Take over a device: reset it and register its interface, which is down.

    Args:
        pdev: the device.
        use_napi: false for one interrupt per packet and netif_rx.
        rx_descriptors: length of the receive ring.
        weight: packets that one poll may take.
    """
    pci_enable_device(pdev)
    pdev.driver = "e1000"
    dma_set_mask_and_coherent(pdev, (1 << 64) - 1)
    netdev = NetDevice(pdev.machine, "", E1000Ops(), None, parent=pdev)
    adapter = Adapter(
        netdev=netdev,
        pdev=pdev,
        hw=pdev.iomap(),
        napi=netif_napi_add_weight(netdev, e1000_clean, weight),
        rx_ring=RxRing(rx_descriptors),
        watchdog_timer=TimerList(lambda _timer: e1000_watchdog(adapter)),
        use_napi=use_napi,
    )
    netdev.priv = adapter
    await e1000_reset_hw(adapter.hw)
    # The board has no EEPROM yet to read an address from: eth_hw_addr_random, a locally administered one.
    netdev.dev_addr = b"\x02" + pdev.machine.random.randbytes(5)
    netif_carrier_off(netdev)
    register_netdev(netdev)
    return netdev


async def e1000_remove(netdev: NetDevice) -> None:
    """Let go of the device."""
    adapter = _adapter(netdev)
    await unregister_netdev(netdev)
    netif_napi_del(adapter.napi)
    pci_disable_device(adapter.pdev)


def _adapter(netdev: NetDevice) -> Adapter:
    return cast(Adapter, netdev.priv)


class E1000Ops:
    """e1000_netdev_ops."""

    async def ndo_open(self, dev: NetDevice) -> int:
        """Rings, handler, NAPI, stale causes, unmask: in this order."""
        adapter = _adapter(dev)
        if not e1000_setup_rx_resources(adapter):
            return -ENOMEM
        await e1000_configure(adapter)
        handler = e1000_intr if adapter.use_napi else e1000_intr_netif_rx
        error = request_irq(adapter.pdev.irq, handler, IRQF_SHARED, dev.name, adapter)
        if error:
            await e1000_reset_hw(adapter.hw)
            e1000_free_rx_resources(adapter)
            return error
        adapter.down = False
        napi_enable(adapter.napi)
        stale = await er32(adapter.hw, ICR)
        await e1000_irq_enable(adapter)
        if stale & RX_CAUSES:  # not stale: a frame has come since the receiver is on
            await ew32(adapter.hw, ICS, stale & RX_CAUSES)
        await e1000_watchdog(adapter)
        return 0

    async def ndo_stop(self, dev: NetDevice) -> int:
        """Receiver off, interrupts off, NAPI off, then give everything back: in this order."""
        adapter = _adapter(dev)
        adapter.down = True
        await ew32(adapter.hw, RCTL, await er32(adapter.hw, RCTL) & ~RCTL.EN)
        await e1000_write_flush(adapter.hw)
        await usleep_range(10, 20)  # frames on their way to memory get there
        await e1000_irq_disable(adapter)
        await napi_disable(adapter.napi)
        adapter.watchdog_timer.delete()
        netif_carrier_off(dev)
        await e1000_update_stats(adapter)
        await free_irq(adapter.pdev.irq, adapter)
        await e1000_reset_hw(adapter.hw)
        e1000_free_rx_resources(adapter)
        return 0

    async def ndo_start_xmit(self, skb: SkBuff, dev: NetDevice) -> int:
        """Drop the packet: the transmitter is not there yet."""
        dev.core_tx_dropped += 1
        kfree_skb_reason(skb, "NOT_SPECIFIED")
        return NETDEV_TX_OK

    async def ndo_tx_timeout(self, dev: NetDevice, txqueue: int) -> None:
        """Never."""

    async def ndo_set_rx_mode(self, dev: NetDevice) -> None:
        """Promiscuous or not."""
        adapter = _adapter(dev)
        promiscuous = RCTL.UPE | RCTL.MPE
        rctl = await er32(adapter.hw, RCTL) & ~promiscuous
        if dev.flags & NetDeviceFlags.PROMISC:
            rctl |= promiscuous
        await ew32(adapter.hw, RCTL, rctl)
        await e1000_write_flush(adapter.hw)  # frames that arrive from now on meet the new filter

    async def ndo_set_mac_address(self, dev: NetDevice, address: bytes) -> int:
        """Change the station address; while the interface is down, open programs it."""
        dev.dev_addr = address
        adapter = _adapter(dev)
        if not adapter.down:
            await e1000_rar_set(adapter.hw, address, 0)
        return 0

    async def ndo_get_stats64(self, dev: NetDevice) -> RtnlLinkStats64:
        """The device's statistics in the kernel's terms."""
        adapter = _adapter(dev)
        if not adapter.down:
            await e1000_update_stats(adapter)
        stats = adapter.hw_stats
        length_errors = stats["RUC"] + stats["RFC"] + stats["ROC"] + stats["RJC"]
        return RtnlLinkStats64(
            rx_packets=stats["GPRC"],
            rx_bytes=stats["GORCL"] + (stats["GORCH"] << 32),
            rx_errors=stats["CRCERRS"] + stats["RXERRC"] + length_errors - stats["RJC"],  # those are in CRCERRS too
            rx_dropped=adapter.rx_dropped,
            rx_missed_errors=stats["MPC"],
            rx_length_errors=length_errors,
            rx_crc_errors=stats["CRCERRS"],
            multicast=stats["MPRC"],
        )


async def e1000_configure(adapter: Adapter) -> None:
    """Program address filter and ring, fill the ring, and turn the receiver on (SDM 14.4)."""
    hw, ring = adapter.hw, adapter.rx_ring
    await e1000_set_link_up(hw)
    await e1000_rar_set(hw, adapter.netdev.dev_addr, 0)
    await ew32(hw, RDBAL, ring.desc.dma & RDBAL.BASE)
    await ew32(hw, RDBAH, ring.desc.dma >> 32)
    await ew32(hw, RDLEN, ring.count * DESCRIPTOR_BYTES)
    await ew32(hw, RDH, 0)
    await ew32(hw, RDT, 0)
    await ew32(hw, RCTL, RCTL.EN | RCTL.BAM | RCTL.SECRC)  # BSIZE 0: buffers of 2048 bytes
    await e1000_alloc_rx_buffers(adapter, ring.unused)


async def e1000_watchdog(adapter: Adapter) -> None:
    """Every two seconds, and when the link changed: link, statistics, and a kick for a ring that ran dry."""
    if adapter.down:
        return
    if await er32(adapter.hw, STATUS) & STATUS.LU:
        netif_carrier_on(adapter.netdev)
    else:
        netif_carrier_off(adapter.netdev)
    await e1000_update_stats(adapter)
    if adapter.rx_ring.unused == adapter.rx_ring.count - 1:  # no buffer in the device: no interrupt would ever come
        await ew32(adapter.hw, ICS, RX_CAUSES)
    machine = adapter.pdev.machine
    adapter.watchdog_timer.mod(machine.jiffies + WATCHDOG_SECONDS * machine.sysctl.hz)


async def e1000_update_stats(adapter: Adapter) -> None:
    """Add the statistics registers, which clear on read, to their sums."""
    for register in STATISTICS:
        adapter.hw_stats[register.__name__] += await er32(adapter.hw, register)
