"""TCP over IPv4 in GRO, and cutting what it merged into segments again (net/ipv4/tcp_offload.c, Linux 6.19).

What a merge does not keep, as in Linux: an urgent pointer without URG, and a checksum field of 0xFFFF where 0 is meant.
"""

from __future__ import annotations

import enum
import struct
from typing import TYPE_CHECKING

from driver.kernel.net.checksum import CHECKSUM_UNNECESSARY, checksum, ones_sum
from driver.kernel.net.gro_cb import skb_gro_receive
from driver.kernel.net.if_ether import ETH_HLEN
from driver.kernel.net.skbuff import SkbGso, skb_shinfo

if TYPE_CHECKING:
    from driver.kernel.net.skbuff import SkBuff

#: Where the TCP header starts in a frame whose IP header has no options.
TCP_AT = ETH_HLEN + 20

_MIN_HEADER = 20
_IPPROTO_TCP = 6

#: Of the header: both ports, sequence number, acknowledgement, and the word of data offset, flags and window.
_HEADER = struct.Struct(">4sIII")
_SEQ_AT = TCP_AT + 4
_FLAGS_AT = TCP_AT + 13
_CHECK_AT = TCP_AT + 16
_ADDRESSES = slice(ETH_HLEN + 12, TCP_AT)


class TcpFlag(enum.IntFlag):
    """Flags in the word of data offset, flags and window (TCP_FLAG_*, include/uapi/linux/tcp.h)."""

    CWR = 1 << 23
    URG = 1 << 21
    ACK = 1 << 20
    PSH = 1 << 19
    RST = 1 << 18
    SYN = 1 << 17
    FIN = 1 << 16


_CWR = int(TcpFlag.CWR)
_FIN_PSH = int(TcpFlag.FIN | TcpFlag.PSH)
_FLUSH = int(TcpFlag.URG | TcpFlag.PSH | TcpFlag.RST | TcpFlag.SYN | TcpFlag.FIN)
_FLAGS_SHIFT = 16  #: the low byte of the flags in that word


def tcp4_gro_receive(held: list[SkBuff], skb: SkBuff, network: tuple[int, ...]) -> SkBuff | None:
    """Check a segment and try to merge it into one of those held, which have the same addresses.

    Args:
        held: the candidates.
        skb: the segment.
        network: header fields of IP in which it must be like the held one.

    Returns:
        The held packet that must go up now, if any.
    """
    cb, data = skb.cb, skb.data
    if not cb.flush and skb.ip_summed != CHECKSUM_UNNECESSARY:
        cb.summed = len(data) - TCP_AT
        if ones_sum(_pseudo_header(data, cb.summed) + data[TCP_AT:]):
            cb.flush = True
            return None
    if len(data) < TCP_AT + _MIN_HEADER:
        cb.flush = True
        return None
    header_bytes = (data[TCP_AT + 12] >> 4) * 4
    payload_at = TCP_AT + header_bytes
    if header_bytes < _MIN_HEADER or payload_at > len(data):
        cb.flush = True
        return None
    return _tcp_gro_receive(held, skb, network, payload_at)


def _tcp_gro_receive(held: list[SkBuff], skb: SkBuff, network: tuple[int, ...], payload_at: int) -> SkBuff | None:
    """tcp_gro_receive: the conditions under which segments are merged, and under which the held one goes up."""
    cb, data = skb.cb, skb.data
    cb.ports, seq, ack, flags = _HEADER.unpack_from(data, TCP_AT)
    cb.constant = (network, ack, flags & ~_FIN_PSH, data[TCP_AT + _MIN_HEADER : payload_at])
    cb.fin_psh = flags & _FIN_PSH
    payload = data[payload_at:]
    cb.mss = len(payload)
    cb.next_seq = seq + len(payload) & 0xFFFFFFFF
    p = next((p for p in held if p.cb.ports == cb.ports), None)
    mss = 1
    if p is not None and not flags & _CWR and _continues(p, skb, seq) and skb_gro_receive(p, skb, payload):
        mss = p.cb.mss
        p.cb.fin_psh |= cb.fin_psh
        p.cb.next_seq = cb.next_seq
    flush = len(payload) < mss or bool(flags & _FLUSH)
    cb.flush = cb.flush or flush
    return p if flush or not cb.same_flow else None


def _continues(p: SkBuff, skb: SkBuff, seq: int) -> bool:
    """Whether a segment of the same connection is the next one: headers alike, IP ids, sequence, 1 to mss bytes."""
    held, cb = p.cb, skb.cb
    if held.constant != cb.constant or seq != held.next_seq or not 0 < cb.mss <= held.mss:
        return False
    id_offset = cb.ip_id - held.ip_id & 0xFFFF
    if held.count == 1 and not id_offset:
        held.ip_fixedid = True
    return id_offset == (0 if held.ip_fixedid else held.count)


def tcp4_gro_complete(skb: SkBuff) -> None:
    """Make the TCP header of a merged packet right, and say what it consists of.

    FIN and PSH are those of all segments. The checksum is that of the pseudo header, for a device or for
    tcp_gso_segment to complete (CHECKSUM_PARTIAL).
    """
    cb, data = skb.cb, skb.data
    partial = ones_sum(_pseudo_header(data, cb.len - 20))
    flags = data[_FLAGS_AT] | cb.fin_psh >> _FLAGS_SHIFT
    skb.data = (
        data[:_FLAGS_AT]
        + bytes((flags,))
        + data[_FLAGS_AT + 1 : _CHECK_AT]
        + partial.to_bytes(2, "big")
        + data[_CHECK_AT + 2 :]
    )
    shinfo = skb_shinfo(skb)
    shinfo.gso_size = cb.mss
    shinfo.gso_segs = cb.count
    shinfo.gso_type = SkbGso.TCPV4 | (SkbGso.TCP_FIXEDID if cb.ip_fixedid else SkbGso.NONE)


def tcp_gso_segment(skb: SkBuff) -> list[bytes]:
    """A merged packet's segments as frames; their IP headers are still those of the whole."""
    assert skb.shinfo is not None
    mss = skb.shinfo.gso_size
    whole = b"".join(piece.data for piece in skb.pieces())
    payload_at = TCP_AT + (whole[TCP_AT + 12] >> 4) * 4
    seq = int.from_bytes(whole[_SEQ_AT : _SEQ_AT + 4], "big")
    frames = []
    for at in range(payload_at, len(whole), mss):
        header = bytearray(whole[:payload_at])
        struct.pack_into(">I", header, _SEQ_AT, seq + at - payload_at & 0xFFFFFFFF)
        if at + mss < len(whole):
            header[_FLAGS_AT] &= ~(_FIN_PSH >> _FLAGS_SHIFT) & 0xFF
        header[_CHECK_AT : _CHECK_AT + 2] = bytes(2)
        frame = bytes(header) + whole[at : at + mss]
        summed = _pseudo_header(frame, len(frame) - TCP_AT) + frame[TCP_AT:]
        header[_CHECK_AT : _CHECK_AT + 2] = checksum(summed).to_bytes(2, "big")
        frames.append(bytes(header) + whole[at : at + mss])
    return frames


def _pseudo_header(frame: bytes, length: int) -> bytes:
    """What TCP's checksum covers besides the segment of this length."""
    return frame[_ADDRESSES] + struct.pack(">HH", _IPPROTO_TCP, length)
