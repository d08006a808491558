"""IPv4's part of GRO and of segmentation (net/ipv4/af_inet.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from driver.kernel.net.checksum import checksum, checksum_valid
from driver.kernel.net.if_ether import ETH_HLEN
from driver.kernel.net.ipv4.tcp_offload import TCP_AT, tcp4_gro_complete, tcp4_gro_receive, tcp_gso_segment
from driver.kernel.net.skbuff import SkbGso

if TYPE_CHECKING:
    from driver.kernel.net.skbuff import SkBuff

ETH_P_IP = 0x0800

_IPPROTO_TCP = 6
_NO_OPTIONS = 0x45  #: version 4, header of five words
_DF = 0x4000
_FRAGMENT = 0x3FFF

#: The header: version and length, TOS, total length, id, flags and offset, TTL, protocol, checksum, both addresses.
_HEADER = struct.Struct(">BBHHHBB2x8s")


def inet_gro_receive(held: list[SkBuff], skb: SkBuff) -> SkBuff | None:
    """Try to merge a packet into one of those held, which have the same Ethernet header.

    Returns:
        The held packet that must go up now, if any. cb.same_flow and cb.flush say what became of the new one.
    """
    cb, data = skb.cb, skb.data
    cb.flush = True
    if len(data) < TCP_AT:
        return None
    version, tos, length, ip_id, fragment, ttl, protocol, addresses = _HEADER.unpack_from(data, ETH_HLEN)
    if protocol != _IPPROTO_TCP or version != _NO_OPTIONS or fragment & _FRAGMENT:
        return None
    if not checksum_valid(data[ETH_HLEN:TCP_AT]):
        return None
    cb.flush = length != cb.len or bool(fragment & ~_DF)
    cb.addresses = addresses
    cb.ip_id = ip_id
    return tcp4_gro_receive([p for p in held if p.cb.addresses == addresses], skb, (tos, ttl, fragment & _DF))


def inet_gro_complete(skb: SkBuff) -> None:
    """Make the headers of a merged packet right: total length and checksum, then TCP's."""
    skb.data = _with_ip(skb.data, skb.cb.len, skb.cb.ip_id)
    tcp4_gro_complete(skb)


def inet_gso_segment(skb: SkBuff) -> list[bytes]:
    """The frames that a merged packet consists of, as they were received."""
    assert skb.shinfo is not None
    step = 0 if skb.shinfo.gso_type & SkbGso.TCP_FIXEDID else 1
    ip_id = int.from_bytes(skb.data[ETH_HLEN + 4 : ETH_HLEN + 6], "big")
    return [
        _with_ip(frame, len(frame) - ETH_HLEN, ip_id + step * index & 0xFFFF)
        for index, frame in enumerate(tcp_gso_segment(skb))
    ]


def _with_ip(frame: bytes, length: int, ip_id: int) -> bytes:
    """The frame with this total length and identification, and a new checksum, in its IP header."""
    ip = bytearray(frame[ETH_HLEN:TCP_AT])
    struct.pack_into(">HH", ip, 2, length, ip_id)
    ip[10:12] = bytes(2)
    ip[10:12] = checksum(ip).to_bytes(2, "big")
    return frame[:ETH_HLEN] + bytes(ip) + frame[TCP_AT:]
