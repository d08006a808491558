"""The IPv4 header in a frame (include/uapi/linux/ip.h)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from driver.kernel.net.checksum import checksum
from driver.kernel.net.if_ether import ETH_HLEN

IPPROTO_ICMP = 1
IPPROTO_TCP = 6
IPPROTO_UDP = 17

IP_DF = 0x4000

_DEFAULT_TTL = 64
_FRAGMENT = 0x3FFF  #: more fragments, and the offset

#: Version and length, TOS, total length, id, flags and offset, TTL, protocol, checksum, both addresses.
_HEADER = struct.Struct(">BBHHHBBH4s4s")


class Iphdr(NamedTuple):
    """A received header.

    Attributes:
        payload_at: where the packet's payload starts in the frame.
        tot_len: bytes of the packet, header included; a short frame has padding behind it.
        protocol: of the payload.
        saddr, daddr: source and destination, four bytes each.
        is_fragment: it is a part of a packet.
    """

    payload_at: int
    tot_len: int
    protocol: int
    saddr: bytes
    daddr: bytes
    is_fragment: bool

    @classmethod
    def parse(cls, frame: bytes) -> Iphdr | None:
        """The header of a frame; None if it is too short or not version 4."""
        if len(frame) < ETH_HLEN + _HEADER.size:
            return None
        version, _, tot_len, _, fragment, _, protocol, _, saddr, daddr = _HEADER.unpack_from(frame, ETH_HLEN)
        words = version & 15
        if version >> 4 != 4 or words < 5:
            return None
        return cls(ETH_HLEN + 4 * words, tot_len, protocol, saddr, daddr, bool(fragment & _FRAGMENT))

    def payload(self, frame: bytes) -> bytes:
        """The packet's payload, without a short frame's padding."""
        return frame[self.payload_at : ETH_HLEN + self.tot_len]


def ip_header(protocol: int, saddr: bytes, daddr: bytes, length: int) -> bytes:
    """The header of a packet to be sent with so many bytes of payload; it must not be fragmented, so its id is 0."""
    header = _HEADER.pack(0x45, 0, _HEADER.size + length, 0, IP_DF, _DEFAULT_TTL, protocol, 0, saddr, daddr)
    return header[:10] + checksum(header).to_bytes(2, "big") + header[12:]


def pseudo_header(protocol: int, saddr: bytes, daddr: bytes, length: int) -> bytes:
    """What the checksum of UDP covers besides header and payload (RFC 768)."""
    return saddr + daddr + struct.pack(">HH", protocol, length)
