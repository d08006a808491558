"""IPv4 packets that go out: route, header, neighbour (net/ipv4/ip_output.c)."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from driver.kernel.net.hard_start_xmit import NET_XMIT_DROP
from driver.kernel.net.ipv4.iphdr import ip_header
from driver.kernel.net.skbuff import alloc_skb
from driver.kernel.net.xmit import dev_queue_xmit

if TYPE_CHECKING:
    from driver.kernel.net.ipv4.devinet import InDevice
    from driver.kernel.net.net_namespace import Net
    from driver.kernel.net.skbuff import SkBuff

#: Bytes of a packet that an interface carries, IP header included.
MTU = 1500
IP_HEADER_BYTES = 20

_ETH_P_IP = b"\x08\x00"


def ip_route_output(net: Net, daddr: bytes) -> InDevice:
    """The interface with the most specific route to an address; there are no gateways.

    Raises:
        OSError: ENETUNREACH, there is none.
    """
    best = max(net.in_devices, key=lambda in_dev: in_dev.route_length(daddr), default=None)
    if best is not None and best.route_length(daddr) >= 0:
        return best
    net.mib.ip.OutNoRoutes += 1
    raise OSError(errno.ENETUNREACH, "Network is unreachable")


def ip_make_skb(in_dev: InDevice, protocol: int, daddr: bytes, payload: bytes) -> SkBuff:
    """A packet that is ready to be sent by an interface.

    Raises:
        OSError: EHOSTUNREACH, it does not know such a neighbour; ENOBUFS, no memory.
    """
    dev = in_dev.dev
    mib = dev.machine.init_net.mib.ip
    lladdr = in_dev.neighbours.get(daddr)
    if lladdr is None:
        mib.OutNoRoutes += 1
        raise OSError(errno.EHOSTUNREACH, "No route to host: the neighbour is unknown, add it with neigh_add")
    ethernet = lladdr + dev.dev_addr + _ETH_P_IP
    skb = alloc_skb(ethernet + ip_header(protocol, in_dev.address, daddr, len(payload)) + payload, dev)
    if skb is None:
        mib.OutDiscards += 1
        raise OSError(errno.ENOBUFS, "No buffer space available")
    return skb


async def ip_send_skb(skb: SkBuff) -> bool:
    """Send it; false if the interface's queue dropped it."""
    mib = skb.dev.machine.init_net.mib.ip
    mib.OutRequests += 1
    dropped = await dev_queue_xmit(skb) == NET_XMIT_DROP
    mib.OutDiscards += dropped
    return not dropped
