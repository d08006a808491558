"""ICMP: answering echo requests, and telling senders what could not be delivered (net/ipv4/icmp.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from driver.kernel.cpu import spend
from driver.kernel.net.checksum import checksum, checksum_valid
from driver.kernel.net.if_ether import ETH_HLEN
from driver.kernel.net.ipv4.ip_output import ip_make_skb, ip_route_output, ip_send_skb
from driver.kernel.net.ipv4.iphdr import IPPROTO_ICMP, Iphdr
from driver.kernel.net.skbuff import consume_skb, kfree_skb_reason

if TYPE_CHECKING:
    from driver.kernel.machine import Machine
    from driver.kernel.net.skbuff import SkBuff

ICMP_ECHOREPLY = 0
ICMP_DEST_UNREACH = 3
ICMP_ECHO = 8

ICMP_PROT_UNREACH = 2
ICMP_PORT_UNREACH = 3

#: Bytes of the packet that an error message quotes behind the IP header (RFC 792); Linux quotes up to 576 in all.
_MAX_MESSAGE_BYTES = 576 - 20
_HEADER_BYTES = 8

#: Error messages to one peer: one a second, after a burst (icmp_ratelimit; XRLIM_BURST_FACTOR in net/ipv4/route.c).
_RATELIMIT_MS = 1000
_BURST = 6


async def icmp_rcv(skb: SkBuff, iph: Iphdr) -> None:
    """A message came in."""
    machine = skb.dev.machine
    mib = machine.init_net.mib.icmp
    message = iph.payload(skb.data)
    mib.InMsgs += 1
    if len(message) < _HEADER_BYTES or not checksum_valid(message):
        mib.InErrors += 1
        mib.InCsumErrors += len(message) >= _HEADER_BYTES
        kfree_skb_reason(skb, "ICMP_CSUM")
        return
    kind = message[0]
    if kind == ICMP_ECHO:
        mib.InEchos += 1
        if skb.data[0] & 1 == 0:  # broadcasts are not answered (icmp_echo_ignore_broadcasts)
            mib.OutEchoReps += await _transmit(machine, iph.saddr, bytes((ICMP_ECHOREPLY, 0)), message[4:])
    elif kind == ICMP_ECHOREPLY:
        mib.InEchoReps += 1
    elif kind == ICMP_DEST_UNREACH:
        mib.InDestUnreachs += 1
    consume_skb(skb)


async def icmp_send(skb: SkBuff, iph: Iphdr, kind: int, code: int) -> None:
    """Tell the sender of a packet what is wrong with it; not for broadcasts, nor more often than it may be told."""
    machine = skb.dev.machine
    mib = machine.init_net.mib.icmp
    if skb.data[0] & 1:
        return
    if not _xrlim_allow(machine, iph.saddr):
        mib.OutRateLimitHost += 1
        return
    quoted = skb.data[ETH_HLEN : ETH_HLEN + iph.tot_len][: _MAX_MESSAGE_BYTES - _HEADER_BYTES]
    sent = await _transmit(machine, iph.saddr, bytes((kind, code)), bytes(4) + quoted)
    if kind == ICMP_DEST_UNREACH:
        mib.OutDestUnreachs += sent


async def _transmit(machine: Machine, daddr: bytes, kind_and_code: bytes, rest: bytes) -> bool:
    """Send a message of this type and code; false if there is no way to its receiver."""
    net = machine.init_net
    await spend(machine.costs.ip_output)
    message = kind_and_code + bytes(2) + rest
    message = kind_and_code + struct.pack(">H", checksum(message)) + rest
    try:
        skb = ip_make_skb(ip_route_output(net, daddr), IPPROTO_ICMP, daddr, message)
    except OSError:  # counted there
        return False
    net.mib.icmp.OutMsgs += 1
    await ip_send_skb(skb)
    return True


def _xrlim_allow(machine: Machine, peer: bytes) -> bool:
    """Whether a peer may get another error message now (inet_peer_xrlim_allow)."""
    timeout, now = machine.msecs_to_jiffies(_RATELIMIT_MS), machine.jiffies
    tokens, last = machine.init_net.icmp_tokens.get(peer, (_BURST * timeout, now))
    tokens = min(tokens + now - last, _BURST * timeout)
    allowed = tokens >= timeout
    machine.init_net.icmp_tokens[peer] = (tokens - timeout if allowed else tokens, now)
    return allowed
