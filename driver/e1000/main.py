"""Probe, and what the kernel asks of the interface (e1000_main.c)."""

from __future__ import annotations

import logging
from typing import cast

from driver.e1000.adapter import HW_FEATURES, VLAN_MODE, Adapter
from driver.e1000.eeprom import e1000_read_mac_addr, e1000_validate_eeprom_checksum
from driver.e1000.ethtool import E1000EthtoolOps
from driver.e1000.hw import e1000_rar_set, e1000_reset_hw, e1000_vlan_mode
from driver.e1000.interrupt import e1000_clean, e1000_clean_tx, e1000_intr, e1000_intr_netif_rx
from driver.e1000.q_vector import e1000_alloc_q_vectors, e1000_free_msix, e1000_request_msix
from driver.e1000.rx_mode import e1000_set_rx_mode, e1000_vlan_rx_add_vid, e1000_vlan_rx_kill_vid
from driver.e1000.rx_ring import RxRing, e1000_free_rx_resources, e1000_setup_rx_resources
from driver.e1000.tx_ring import TxRing, e1000_free_tx_resources, e1000_setup_tx_resources, e1000_xmit_frame
from driver.e1000.up_down import (
    e1000_configure,
    e1000_configure_rxcsum,
    e1000_down,
    e1000_reset,
    e1000_up,
    e1000_update_stats,
    e1000_watchdog,
    schedule_reset,
)
from driver.kernel.dma import dma_set_mask_and_coherent
from driver.kernel.irq import IRQF_SHARED, free_irq, request_irq
from driver.kernel.net.etherdevice import is_valid_ether_addr
from driver.kernel.net.napi import (
    NAPI_POLL_WEIGHT,
    netif_napi_add_tx,
    netif_napi_add_weight,
    netif_napi_del,
    netif_napi_set_irq,
)
from driver.kernel.net.netdev_features import NETIF_F_HW_VLAN_CTAG_FILTER
from driver.kernel.net.netdev_queue import netif_tx_start_all_queues
from driver.kernel.net.netdevice import (
    NetDevice,
    RtnlLinkStats64,
    netif_carrier_off,
    register_netdev,
    unregister_netdev,
)
from driver.kernel.net.skbuff import SkBuff
from driver.kernel.pci import PciDev, pci_disable_device, pci_enable_device, pci_free_irq_vectors
from driver.kernel.printk import printk_once
from driver.kernel.timer import TimerList, msleep

ENOMEM = 12


async def e1000_probe(
    pdev: PciDev,
    *,
    use_napi: bool = True,
    rx_descriptors: int = 256,
    tx_descriptors: int = 256,
    weight: int = NAPI_POLL_WEIGHT,
) -> NetDevice:
    """Take over a device: reset it and register its interface, which is down.

    Args:
        pdev: the device.
        use_napi: false for one interrupt per packet and netif_rx.
        rx_descriptors: length of the receive ring.
        tx_descriptors: length of the transmit ring.
        weight: received packets that one poll may take.
    """
    pci_enable_device(pdev)
    pdev.driver = "e1000"
    dma_set_mask_and_coherent(pdev, (1 << 64) - 1)
    netdev = NetDevice(pdev.machine, "", E1000Ops(), None, driver="e1000", parent=pdev, ethtool_ops=E1000EthtoolOps())
    adapter = Adapter(
        netdev=netdev,
        pdev=pdev,
        hw=pdev.iomap(),
        rx_ring=RxRing(rx_descriptors),
        tx_ring=TxRing(tx_descriptors),
        watchdog_timer=TimerList(lambda _timer: e1000_watchdog(adapter)),
        use_napi=use_napi,
    )
    netdev.priv = adapter
    e1000_alloc_napis(adapter, rx_descriptors, tx_descriptors, weight)
    netdev.hw_features = HW_FEATURES
    netdev.features = NETIF_F_HW_VLAN_CTAG_FILTER
    await e1000_reset_hw(adapter.hw)
    netdev.dev_addr = await _station_address(adapter)
    await e1000_reset(adapter)
    register_netdev(netdev)
    netif_carrier_off(netdev)
    return netdev


async def _station_address(adapter: Adapter) -> bytes:
    """The MAC address in the EEPROM; a random one, locally administered, if there is none (eth_hw_addr_random)."""
    machine, hw = adapter.pdev.machine, adapter.hw
    if await e1000_validate_eeprom_checksum(hw):
        address = await e1000_read_mac_addr(hw)
        if address is not None and is_valid_ether_addr(address):
            return address
    printk_once(machine, logging.ERROR, "%s: The EEPROM Checksum Is Not Valid", adapter.pdev.name)
    return b"\x02" + machine.random.randbytes(5)


def e1000_alloc_napis(adapter: Adapter, rx_descriptors: int, tx_descriptors: int, weight: int) -> None:
    """A NAPI instance for each vector if the device has vectors, else one for each direction."""
    if e1000_alloc_q_vectors(adapter, rx_descriptors, tx_descriptors, weight):
        first = adapter.q_vectors[0]
        adapter.napi = adapter.tx_napi = first.napi
        adapter.rx_ring, adapter.tx_ring = first.rx_ring, first.tx_ring
        return
    adapter.napi = netif_napi_add_weight(adapter.netdev, e1000_clean, weight)
    adapter.tx_napi = netif_napi_add_tx(adapter.netdev, e1000_clean_tx)


async def e1000_remove(netdev: NetDevice) -> None:
    """Let go of the device."""
    adapter = _adapter(netdev)
    await unregister_netdev(netdev)
    for napi in reversed(adapter.napis):
        netif_napi_del(napi)
    pci_free_irq_vectors(adapter.pdev)
    pci_disable_device(adapter.pdev)


async def e1000_request_irq(adapter: Adapter) -> int:
    """Put handlers on the vectors or on the line; 0, or an error."""
    if adapter.q_vectors:
        return await e1000_request_msix(adapter)
    irq = adapter.pdev.irq
    handler = e1000_intr if adapter.use_napi else e1000_intr_netif_rx
    error = request_irq(irq, handler, IRQF_SHARED, adapter.netdev.name, adapter)
    if not error:
        netif_napi_set_irq(adapter.napi, irq)
        netif_napi_set_irq(adapter.tx_napi, irq)
    return error


def _adapter(netdev: NetDevice) -> Adapter:
    return cast(Adapter, netdev.priv)


class E1000Ops:
    """e1000_netdev_ops."""

    async def ndo_open(self, dev: NetDevice) -> int:
        """Rings, handler, NAPI, stale causes, unmask, queue: in this order."""
        adapter = _adapter(dev)
        if not e1000_setup_tx_resources(adapter):
            return -ENOMEM
        if not e1000_setup_rx_resources(adapter):
            e1000_free_tx_resources(adapter)
            return -ENOMEM
        await e1000_configure(adapter)
        error = await e1000_request_irq(adapter)
        if error:
            await e1000_reset(adapter)
            e1000_free_tx_resources(adapter)
            e1000_free_rx_resources(adapter)
            return error
        await e1000_up(adapter)
        netif_tx_start_all_queues(dev)
        return 0

    async def ndo_stop(self, dev: NetDevice) -> int:
        """Quiesce the device, then give everything back."""
        adapter = _adapter(dev)
        while adapter.resetting:
            await msleep(1)
        await e1000_down(adapter)
        if adapter.q_vectors:
            await e1000_free_msix(adapter)
        else:
            await free_irq(adapter.pdev.irq, adapter)
        e1000_free_tx_resources(adapter)
        e1000_free_rx_resources(adapter)
        return 0

    async def ndo_start_xmit(self, skb: SkBuff, dev: NetDevice) -> int:
        """Send a packet."""
        return await e1000_xmit_frame(skb, dev)

    async def ndo_tx_timeout(self, dev: NetDevice, txqueue: int) -> None:
        """Have the device reset, in a task of its own."""
        adapter = _adapter(dev)
        adapter.tx_timeout_count += 1
        schedule_reset(adapter)

    async def ndo_set_features(self, dev: NetDevice, features: int) -> int:
        """VLAN mode and checks of received checksums; what else the device does each packet says for itself."""
        adapter = _adapter(dev)
        if not adapter.down:
            await e1000_vlan_mode(adapter.hw, on=bool(features & VLAN_MODE))
            await e1000_configure_rxcsum(adapter.hw, features)
        return 0

    async def ndo_set_rx_mode(self, dev: NetDevice) -> None:
        """Program the address filter."""
        await e1000_set_rx_mode(_adapter(dev))

    async def ndo_vlan_rx_add_vid(self, dev: NetDevice, vid: int) -> int:
        """Let frames of a VLAN pass."""
        await e1000_vlan_rx_add_vid(_adapter(dev), vid)
        return 0

    async def ndo_vlan_rx_kill_vid(self, dev: NetDevice, vid: int) -> int:
        """And no longer."""
        await e1000_vlan_rx_kill_vid(_adapter(dev), vid)
        return 0

    async def ndo_set_mac_address(self, dev: NetDevice, address: bytes) -> int:
        """Change the station address."""
        dev.dev_addr = address
        await e1000_rar_set(_adapter(dev).hw, address, 0)
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
            tx_packets=stats["GPTC"],
            tx_bytes=stats["GOTCL"] + (stats["GOTCH"] << 32),
            tx_dropped=adapter.tx_dropped,
        )
