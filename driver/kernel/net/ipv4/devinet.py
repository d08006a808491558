"""IPv4 addresses of interfaces, and the neighbours on their wire (net/ipv4/devinet.c, net/core/neighbour.c).

Neighbours are static, as ``ip neigh add`` makes them: the model neither asks nor answers ARP.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from driver.kernel.net.ipv4.ip_input import ETH_P_IP, ip_rcv
from driver.kernel.net.skbuff import kfree_skb_reason

if TYPE_CHECKING:
    from driver.kernel.net.netdevice import NetDevice
    from driver.kernel.net.skbuff import SkBuff


class InDevice:
    """The IPv4 side of an interface (struct in_device).

    Attributes:
        address: its address, four bytes.
        routes: networks that are on its wire, first that of its address.
        neighbours: MAC addresses by IPv4 address.
    """

    def __init__(self, dev: NetDevice, interface: ipaddress.IPv4Interface) -> None:
        self.dev = dev
        self.address = interface.ip.packed
        self.neighbours: dict[bytes, bytes] = {}
        self.routes = [interface.network]

    def is_local(self, address: bytes) -> bool:
        """Whether packets to this address are for us: our own, or a broadcast."""
        return address in (self.address, b"\xff\xff\xff\xff", self.routes[0].broadcast_address.packed)

    def route_length(self, address: bytes) -> int:
        """Length of the longest prefix of its routes to an address; -1 for none."""
        host = ipaddress.IPv4Address(address)
        return max((network.prefixlen for network in self.routes if host in network), default=-1)

    async def receive(self, skb: SkBuff) -> None:
        """Deliver a packet by its EtherType; nobody wants one that is not IPv4."""
        if skb.protocol == ETH_P_IP:
            await ip_rcv(skb)
            return
        self.dev.core_rx_dropped += 1
        kfree_skb_reason(skb, "UNHANDLED_PROTO")


def inet_add_addr(dev: NetDevice, interface: str) -> InDevice:
    """Ip addr add ADDRESS/LENGTH dev DEV; an interface has one address. From now on its packets are delivered.

    Raises:
        ValueError: the text is no address.
    """
    in_dev = InDevice(dev, ipaddress.IPv4Interface(interface))
    net = dev.machine.init_net
    net.in_devices = [*(other for other in net.in_devices if other.dev is not dev), in_dev]
    dev.ip_ptr = in_dev
    return in_dev


def ip_route_add(dev: NetDevice, network: str) -> None:
    """Ip route add NETWORK/LENGTH dev DEV: a network whose hosts are on this wire, too.

    Raises:
        ValueError: the text is no network, or the interface has no IPv4 address.
    """
    _in_device(dev).routes.append(ipaddress.IPv4Network(network))


def neigh_add(dev: NetDevice, address: str, lladdr: bytes) -> None:
    """Ip neigh add ADDRESS lladdr MAC dev DEV nud permanent.

    Raises:
        ValueError: the interface has no IPv4 address.
    """
    _in_device(dev).neighbours[ipaddress.IPv4Address(address).packed] = lladdr


def _in_device(dev: NetDevice) -> InDevice:
    if dev.ip_ptr is None:
        raise ValueError(f"{dev.name} has no IPv4 address: add one first (inet_add_addr)")
    return dev.ip_ptr
