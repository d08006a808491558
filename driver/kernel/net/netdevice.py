"""Network interfaces: net_device, its operations, up and down (include/linux/netdevice.h, net/core/dev.c)."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from driver.kernel.net.netdev_features import NETIF_F_HW_CSUM, NETIF_F_SG, NETIF_F_TSO
from driver.kernel.net.netdev_queue import NetdevQueue
from driver.kernel.net.netdev_rx_queue import NetdevRxQueue
from driver.kernel.net.sch_generic import dev_activate, dev_deactivate, dev_init_scheduler

if TYPE_CHECKING:
    from driver.kernel.machine import Machine
    from driver.kernel.net.ethtool import EthtoolOps
    from driver.kernel.net.ipv4.devinet import InDevice
    from driver.kernel.net.napi import Napi
    from driver.kernel.net.skbuff import SkBuff
    from driver.kernel.pci import PciDev
    from driver.kernel.timer import TimerList


class NetDeviceFlags(enum.IntFlag):
    """Interface flags (include/uapi/linux/if.h)."""

    DOWN = 0
    UP = 1 << 0
    PROMISC = 1 << 8
    ALLMULTI = 1 << 9


@dataclass(slots=True)
class RtnlLinkStats64:
    """Interface statistics (struct rtnl_link_stats64).

    Attributes:
        rx_packets: good packets that the driver took.
        rx_bytes: their bytes.
        rx_errors: bad packets, whatever was wrong with them.
        rx_dropped: packets that the kernel dropped: the backlog, or no memory in the driver.
        rx_missed_errors: packets that the device dropped for want of room.
        rx_length_errors: too long or too short.
        rx_crc_errors: bad FCS.
        multicast: multicast packets received.
        tx_packets: packets sent.
        tx_bytes: their bytes.
        tx_errors: packets that could not be sent.
        tx_dropped: packets that the kernel dropped before the driver took them, or the driver itself.
    """

    rx_packets: int = 0
    rx_bytes: int = 0
    rx_errors: int = 0
    rx_dropped: int = 0
    rx_missed_errors: int = 0
    rx_length_errors: int = 0
    rx_crc_errors: int = 0
    multicast: int = 0
    tx_packets: int = 0
    tx_bytes: int = 0
    tx_errors: int = 0
    tx_dropped: int = 0


class NetDeviceOps(Protocol):
    """What a driver does for its interface (struct net_device_ops). Errors are negative errnos.

    A driver with ``dev.hw_features`` may have besides ``async def ndo_set_features(self, dev, features) -> int``:
    switch features of the device on or off; those that it has now are dev.features. With several
    transmit queues it may have ``def ndo_select_queue(self, dev, skb) -> int``: the one of a packet; else its flow
    decides.
    """

    async def ndo_open(self, dev: NetDevice) -> int:
        """Bring the interface up."""

    async def ndo_stop(self, dev: NetDevice) -> int:
        """Take it down."""

    async def ndo_set_rx_mode(self, dev: NetDevice) -> None:
        """Program the address filter from dev.flags."""

    async def ndo_set_mac_address(self, dev: NetDevice, address: bytes) -> int:
        """Change the station address: six bytes."""

    async def ndo_get_stats64(self, dev: NetDevice) -> RtnlLinkStats64:
        """Read the statistics."""

    async def ndo_start_xmit(self, skb: SkBuff, dev: NetDevice) -> int:
        """Send a packet. NETDEV_TX_OK: it is the driver's, sent or freed; NETDEV_TX_BUSY: it is not."""

    async def ndo_tx_timeout(self, dev: NetDevice, txqueue: int) -> None:
        """A transmit queue has been stopped for too long: reset the device, but later; this must not sleep."""


@dataclass(slots=True, eq=False)
class NetDevice:
    """A network interface (struct net_device).

    Attributes:
        machine: the machine that it belongs to.
        ops: the driver's operations.
        priv: the driver's own data (netdev_priv).
        ethtool_ops: what the driver does for ethtool, if anything.
        driver: the driver's name.
        parent: its device, if the driver tells (SET_NETDEV_DEV).
        ifindex: number of the interface, from 2 on; 0 before it is registered. (1 would be lo.)
        core_rx_dropped, core_tx_dropped: packets that the core dropped.
        tx_queue_len: packets that a qdisc may hold.
        tx_queues: the transmit queues.
        watchdog_timeo: how long a queue may be stopped, in jiffies; 0 for the usual 5 s.
        watchdog_timer: pending while there is a carrier.
        features: NETIF_F_*, as ethtool -K sets them. Linux starts with all on; here whoever wants one asks for it.
        hw_features: those of the device's that the driver can switch.
        gro_ipv4_max_size: bytes that a merged packet must stay below, from its IP header on.
        ip_ptr: its IPv4 side; None until it has an address, and then what it receives goes no further than here.
        mc: group addresses that are wanted (dev_addr_lists.c).
        rx_queues: the receive queues.
        napi_list: its NAPI instances.
        gro_flush_timeout, napi_defer_hard_irqs, threaded: what instances that are added start with.
    """

    machine: Machine
    name: str
    ops: NetDeviceOps
    priv: Any
    dev_addr: bytes = bytes(6)
    flags: NetDeviceFlags = NetDeviceFlags.DOWN
    carrier: bool = False
    running: bool = False
    features: int = 0
    hw_features: int = 0
    gro_ipv4_max_size: int = 65_536
    mc: list[bytes] = field(default_factory=list)
    rx_queues: list[NetdevRxQueue] = field(default_factory=lambda: [NetdevRxQueue()])
    napi_list: list[Napi] = field(default_factory=list)
    gro_flush_timeout: int = 0
    napi_defer_hard_irqs: int = 0
    threaded: int = 0
    driver: str = ""
    parent: PciDev | None = None
    ethtool_ops: EthtoolOps | None = None
    ifindex: int = 0
    core_rx_dropped: int = 0
    core_tx_dropped: int = 0
    tx_queue_len: int = 1000
    tx_queues: list[NetdevQueue] = field(init=False)
    watchdog_timeo: int = 0
    watchdog_timer: TimerList | None = None
    ip_ptr: InDevice | None = None

    def __post_init__(self) -> None:
        netif_set_real_num_tx_queues(self, 1)


def netif_set_real_num_tx_queues(dev: NetDevice, txq: int) -> None:
    """Give a new interface so many transmit queues, each with a qdisc of its own, as under mq; before registration."""
    dev.tx_queues = [NetdevQueue(dev, index) for index in range(txq)]
    dev_init_scheduler(dev)


def netdev_fix_features(features: int) -> int:
    """Features without those that lack what they are made of: segmentation needs fragments and checksums."""
    needs = NETIF_F_SG | NETIF_F_HW_CSUM
    return features if features & needs == needs else features & ~NETIF_F_TSO


async def netdev_change_features(dev: NetDevice, wanted: int, *, on: bool) -> int:
    """Ethtool -K: switch some features on or off; 0, or the driver's error, and then nothing changes."""
    features = netdev_fix_features(dev.features | wanted if on else dev.features & ~wanted)
    set_features = getattr(dev.ops, "ndo_set_features", None)
    if set_features is not None and (features ^ dev.features) & dev.hw_features:
        error: int = await set_features(dev, features)
        if error:
            return error
    dev.features = features
    return 0


def register_netdev(dev: NetDevice) -> None:
    """Make the interface known under a name of its own: eth0, eth1, ..."""
    dev.name = f"eth{len(dev.machine.netdevs)}"
    dev.machine.netdevs.append(dev)
    dev.ifindex = len(dev.machine.netdevs) + 1


async def unregister_netdev(dev: NetDevice) -> None:
    """Take the interface down, if it is up, and forget it."""
    await dev_close(dev)
    dev.machine.netdevs.remove(dev)


def netif_running(dev: NetDevice) -> bool:
    """Whether the interface is up."""
    return dev.running


def netif_carrier_on(dev: NetDevice) -> None:
    """The link is up. What Linux leaves to linkwatch's work is done at once: packets may be sent."""
    if dev.carrier:
        return
    dev.carrier = True
    if dev.flags & NetDeviceFlags.UP:
        dev_activate(dev)


def netif_carrier_off(dev: NetDevice) -> None:
    """The link is down. Linkwatch's work takes the qdiscs away; while it waits for them, packets wait in them."""
    if not dev.carrier:
        return
    dev.carrier = False
    if dev.flags & NetDeviceFlags.UP and dev.running:
        dev.machine.kthread_run(_linkwatch_do_dev(dev), "kworker/0:1")


async def _linkwatch_do_dev(dev: NetDevice) -> None:
    """Take the qdiscs away, unless the link is back (net/core/link_watch.c)."""
    if dev.flags & NetDeviceFlags.UP and not dev.carrier:
        await dev_deactivate(dev)


def netif_carrier_ok(dev: NetDevice) -> bool:
    """Whether the link is up."""
    return dev.carrier


async def dev_open(dev: NetDevice) -> int:
    """Ip link set DEV up. 0, or the driver's error."""
    if dev.running:
        return 0
    dev.running = True
    rules = dev.machine.rules
    if rules is not None:
        rules.lifetime.opening(dev)
    error = await dev.ops.ndo_open(dev)
    if rules is not None:
        rules.lifetime.opened(dev)
    if error:
        dev.running = False
        return error
    dev.flags |= NetDeviceFlags.UP
    await dev.ops.ndo_set_rx_mode(dev)
    dev_activate(dev)
    return 0


async def dev_close(dev: NetDevice) -> None:
    """Ip link set DEV down."""
    if not dev.running:
        return
    rules = dev.machine.rules
    if rules is not None:
        rules.transmit.at_rest(dev)
    dev.running = False
    await dev_deactivate(dev)
    if rules is not None:
        rules.lifetime.closing(dev)
    await dev.ops.ndo_stop(dev)
    if rules is not None:
        rules.lifetime.closed(dev)
        rules.transmit.closed(dev)
    dev.flags &= ~NetDeviceFlags.UP


async def dev_set_promiscuity(dev: NetDevice) -> None:
    """Ip link set DEV promisc on."""
    dev.flags |= NetDeviceFlags.PROMISC
    if dev.flags & NetDeviceFlags.UP:
        await dev.ops.ndo_set_rx_mode(dev)


async def dev_set_allmulti(dev: NetDevice) -> None:
    """Ip link set DEV allmulticast on."""
    dev.flags |= NetDeviceFlags.ALLMULTI
    if dev.flags & NetDeviceFlags.UP:
        await dev.ops.ndo_set_rx_mode(dev)


async def dev_mc_add(dev: NetDevice, address: bytes) -> None:
    """Ip maddress add ADDRESS dev DEV."""
    if address not in dev.mc:
        dev.mc.append(address)
        if dev.flags & NetDeviceFlags.UP:
            await dev.ops.ndo_set_rx_mode(dev)


async def dev_mc_del(dev: NetDevice, address: bytes) -> None:
    """Ip maddress del ADDRESS dev DEV."""
    if address in dev.mc:
        dev.mc.remove(address)
        if dev.flags & NetDeviceFlags.UP:
            await dev.ops.ndo_set_rx_mode(dev)


async def dev_set_mac_address(dev: NetDevice, address: bytes) -> int:
    """Ip link set DEV address MAC."""
    return await dev.ops.ndo_set_mac_address(dev, address)


async def dev_get_stats(dev: NetDevice) -> RtnlLinkStats64:
    """Ip -s link show DEV: the driver's statistics and the core's drops."""
    stats = await dev.ops.ndo_get_stats64(dev)
    stats.rx_dropped += dev.core_rx_dropped
    stats.tx_dropped += dev.core_tx_dropped
    return stats
