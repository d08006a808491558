"""UDP: datagrams to sockets by their port, and from them (net/ipv4/udp.c)."""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING, NamedTuple

from driver.kernel.cpu import spend
from driver.kernel.net.checksum import CHECKSUM_PARTIAL, CHECKSUM_UNNECESSARY, checksum, ones_sum
from driver.kernel.net.if_ether import ETH_HLEN
from driver.kernel.net.ipv4.icmp import ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, icmp_send
from driver.kernel.net.ipv4.ip_output import IP_HEADER_BYTES, MTU, ip_make_skb, ip_route_output, ip_send_skb
from driver.kernel.net.ipv4.iphdr import IPPROTO_UDP, Iphdr, pseudo_header
from driver.kernel.net.netdev_features import NETIF_F_HW_CSUM
from driver.kernel.net.rfs import sock_rps_record_flow
from driver.kernel.net.skbuff import consume_skb, kfree_skb_reason
from driver.kernel.net.sock import (
    Sock,
    sk_busy_loop,
    sk_can_busy_loop,
    skb_set_owner_w,
    skb_wait_for_more_packets,
    sock_queue_rcv_skb,
    sock_wait_for_wmem,
)

if TYPE_CHECKING:
    from driver.kernel.net.net_namespace import Net
    from driver.kernel.net.skbuff import SkBuff

_HEADER = struct.Struct(">HHHH")  # ports of source and destination, length, checksum
_CHECK_AT = 6

ANY = bytes(4)  #: 0.0.0.0

#: Ports that bind(0) hands out (net.ipv4.ip_local_port_range).
_LOCAL_PORTS = range(32_768, 61_000)


class Datagram(NamedTuple):
    """What recvmsg returns.

    Attributes:
        data: payload.
        saddr, sport: who sent it.
    """

    data: bytes
    saddr: bytes
    sport: int


# --- ports ------------------------------------------------------------------------------------------------------------


def udp_v4_get_port(sk: Sock, saddr: bytes, port: int) -> None:
    """Bind a socket to an address and a port; port 0 for any that is free.

    Raises:
        OSError: EADDRINUSE, another socket is bound there; EADDRNOTAVAIL, the address is not ours.
    """
    net = sk.machine.init_net
    if saddr != ANY and not any(saddr == in_dev.address for in_dev in net.in_devices):
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
    if not port:
        port = next((free for free in _LOCAL_PORTS if not net.udp_table.get(free)), 0)
    for other in net.udp_table.get(port, ()):
        if ANY in (saddr, other.saddr) or saddr == other.saddr:
            raise OSError(errno.EADDRINUSE, f"Address already in use: UDP port {port}")
    udp_lib_unhash(sk)
    sk.saddr, sk.sport = saddr, port
    net.udp_table.setdefault(port, []).append(sk)


def udp_lib_unhash(sk: Sock) -> None:
    """Give a socket's port back, if it has one."""
    if sk.sport:
        sk.machine.init_net.udp_table[sk.sport].remove(sk)
        sk.sport = 0


def _udp4_lib_lookup(net: Net, iph: Iphdr, source: int, destination: int) -> Sock | None:
    """The socket that a datagram is for: the one that asks for the most of its addresses and ports."""

    def score(sk: Sock) -> int:
        if sk.saddr not in (ANY, iph.daddr) or (sk.dport and (sk.daddr, sk.dport) != (iph.saddr, source)):
            return -1
        return (sk.saddr != ANY) + (sk.dport != 0)

    best = max(net.udp_table.get(destination, ()), key=score, default=None)
    return best if best is not None and score(best) >= 0 else None


# --- receiving --------------------------------------------------------------------------------------------------------


async def udp_rcv(skb: SkBuff, iph: Iphdr) -> None:
    """A datagram came in: queue it to its socket. Its checksum is verified when it is received from there."""
    net = skb.dev.machine.init_net
    datagram = iph.payload(skb.data)
    length = 0
    if len(datagram) >= _HEADER.size:
        source, destination, length, _ = _HEADER.unpack_from(datagram)
    if not _HEADER.size <= length <= len(datagram):
        net.mib.udp.InErrors += 1
        kfree_skb_reason(skb, "PKT_TOO_SMALL")
        return
    sk = _udp4_lib_lookup(net, iph, source, destination)
    if sk is not None:
        if not sock_queue_rcv_skb(sk, skb):
            net.mib.udp.RcvbufErrors += 1
            net.mib.udp.InErrors += 1
            kfree_skb_reason(skb, "SOCKET_RCVBUFF")
        return
    if not _checksum_complete(skb, iph, datagram[:length]):
        _count_bad_checksum(net)
        kfree_skb_reason(skb, "UDP_CSUM")
        return
    net.mib.udp.NoPorts += 1
    await icmp_send(skb, iph, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH)
    kfree_skb_reason(skb, "NO_SOCKET")


def _checksum_complete(skb: SkBuff, iph: Iphdr, datagram: bytes) -> bool:
    """Whether a datagram's checksum is right, as the device or the CPU finds, or it has none."""
    if skb.ip_summed == CHECKSUM_UNNECESSARY or datagram[6:8] == b"\0\0":
        return True
    return not ones_sum(pseudo_header(IPPROTO_UDP, iph.saddr, iph.daddr, len(datagram)) + datagram)


def _count_bad_checksum(net: Net) -> None:
    net.mib.udp.InCsumErrors += 1
    net.mib.udp.InErrors += 1


async def udp_recvmsg(sk: Sock, timeo: int) -> Datagram:
    """Take the next datagram off the socket; poll for one busily if asked to, then wait, so many jiffies at most.

    Raises:
        OSError: EAGAIN, there was none.
    """
    machine = sk.machine
    sock_rps_record_flow(sk)  # inet_recvmsg
    while True:
        while sk.receive_queue:
            skb = sk.receive_queue.popleft()
            iph = Iphdr.parse(skb.data)
            assert iph is not None
            datagram = iph.payload(skb.data)
            source, _, length, _ = _HEADER.unpack_from(datagram)
            costs = machine.costs
            await spend(costs.recvmsg + costs.copy * length // 1024)
            if _checksum_complete(skb, iph, datagram[:length]):
                machine.init_net.mib.udp.InDatagrams += 1
                consume_skb(skb)
                return Datagram(datagram[_HEADER.size : length], iph.saddr, source)
            _count_bad_checksum(machine.init_net)
            kfree_skb_reason(skb, "UDP_CSUM")
        if sk_can_busy_loop(sk):
            await sk_busy_loop(sk, nonblock=not timeo)
            if sk.receive_queue:
                continue
        if not timeo:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable: nothing to receive")
        timeo = await skb_wait_for_more_packets(sk, timeo)


# --- sending ----------------------------------------------------------------------------------------------------------


async def udp_sendmsg(sk: Sock, data: bytes, daddr: bytes, dport: int, timeo: int) -> int:
    """Send a datagram; wait for room in the send buffer, for so many jiffies at most.

    Returns:
        Its bytes, also if the interface's queue dropped it: that is counted and, as in Linux, not told.

    Raises:
        OSError: EMSGSIZE, more than the interface carries at once; EAGAIN, no room; no route, neighbour or memory.
    """
    machine = sk.machine
    mib = machine.init_net.mib.udp
    sock_rps_record_flow(sk)  # inet_send_prepare
    if len(data) > MTU - IP_HEADER_BYTES - _HEADER.size:
        raise OSError(errno.EMSGSIZE, f"Message too long: {len(data)} bytes; the model does not fragment")
    if not sk.sport:
        udp_v4_get_port(sk, ANY, 0)
    await sock_wait_for_wmem(sk, timeo)
    await spend(machine.costs.ip_output + machine.costs.copy * len(data) // 1024)
    in_dev = ip_route_output(machine.init_net, daddr)
    partial = bool(in_dev.dev.features & NETIF_F_HW_CSUM)
    datagram = _datagram((in_dev.address, sk.sport), (daddr, dport), data, partial=partial)
    skb = ip_make_skb(in_dev, IPPROTO_UDP, daddr, datagram)
    if partial:
        skb.ip_summed = CHECKSUM_PARTIAL
        skb.csum_start, skb.csum_offset = ETH_HLEN + IP_HEADER_BYTES, _CHECK_AT
    skb_set_owner_w(skb, sk)
    if await ip_send_skb(skb):
        mib.OutDatagrams += 1
    else:
        mib.SndbufErrors += 1
    return len(data)


def _datagram(source: tuple[bytes, int], destination: tuple[bytes, int], data: bytes, *, partial: bool) -> bytes:
    """A datagram from an address and port to another; 0xFFFF stands for a checksum of 0, which means none.

    With ``partial`` the device makes the checksum of what is in its place, the sum of the pseudo header
    (udp4_hwcsum).
    """
    length = _HEADER.size + len(data)
    pseudo = pseudo_header(IPPROTO_UDP, source[0], destination[0], length)
    if partial:
        check = ones_sum(pseudo)
    else:
        check = checksum(pseudo + _HEADER.pack(source[1], destination[1], length, 0) + data) or 0xFFFF
    return _HEADER.pack(source[1], destination[1], length, check) + data
