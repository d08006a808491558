"""Frames for tests of the network stack; their checksums are summed up word by word, as RFC 1071 says."""

from __future__ import annotations

import struct
from dataclasses import dataclass

STATION = b"\x02\0\0\0\0\x01"
PEER = b"\x02\0\0\0\0\x02"

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))


def rfc1071(data: bytes) -> int:
    total = 0
    for at in range(0, len(data), 2):
        total += int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big")
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def address(number: int) -> bytes:
    """10.0.0.number."""
    return bytes((10, 0, 0, number))


def ipv4_frame(  # noqa: PLR0913 - fields of the headers
    payload: bytes,
    protocol: int,
    *,
    source: bytes = address(2),
    destination: bytes = address(1),
    ip_id: int = 0,
    ttl: int = 64,
    tos: int = 0,
    fragment: int = 0x4000,
    options: bytes = b"",
    ether: bytes = STATION + PEER,
) -> bytes:
    """An IPv4 packet in an Ethernet frame, not padded."""
    version = 0x45 + len(options) // 4
    length = 20 + len(options) + len(payload)
    header = struct.pack(">BBHHHBBH", version, tos, length, ip_id, fragment, ttl, protocol, 0) + source + destination
    header += options
    header = header[:10] + rfc1071(header).to_bytes(2, "big") + header[12:]
    return ether + b"\x08\x00" + header + payload


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A TCP segment."""

    seq: int = 1000
    payload: bytes = b""
    flags: int = ACK
    ack: int = 77
    window: int = 512
    options: bytes = b""
    source_port: int = 40_000
    destination_port: int = 80
    ip_id: int = 0
    ttl: int = 64
    tos: int = 0
    fragment: int = 0x4000
    client: int = 2
    ip_options: bytes = b""
    ether: bytes = STATION + PEER

    def frame(self, *, pad: bool = False) -> bytes:
        """The segment as a frame, padded to 60 bytes if asked."""
        source, destination = address(self.client), address(1)
        offset = (20 + len(self.options)) // 4 << 4
        header = struct.pack(
            ">HHIIBBHHH",
            self.source_port,
            self.destination_port,
            self.seq & 0xFFFFFFFF,
            self.ack,
            offset,
            self.flags,
            self.window,
            0,
            0,
        )
        segment = header + self.options + self.payload
        check = rfc1071(source + destination + struct.pack(">HH", 6, len(segment)) + segment)
        segment = segment[:16] + check.to_bytes(2, "big") + segment[18:]
        frame = ipv4_frame(
            segment,
            6,
            source=source,
            destination=destination,
            ip_id=self.ip_id & 0xFFFF,
            ttl=self.ttl,
            tos=self.tos,
            fragment=self.fragment,
            options=self.ip_options,
            ether=self.ether,
        )
        return frame.ljust(60, b"\0") if pad else frame


def udp_frame(  # noqa: PLR0913 - fields of the headers
    payload: bytes,
    *,
    source_port: int = 40_000,
    destination_port: int = 9,
    source: bytes = address(2),
    destination: bytes = address(1),
    checksum: int | None = None,
    ether: bytes = STATION + PEER,
) -> bytes:
    """A UDP datagram as a frame of 60 bytes or more; with its right checksum unless another is given."""
    header = struct.pack(">HHHH", source_port, destination_port, 8 + len(payload), 0)
    if checksum is None:
        pseudo = source + destination + struct.pack(">HH", 17, 8 + len(payload))
        checksum = rfc1071(pseudo + header + payload) or 0xFFFF
    datagram = header[:6] + checksum.to_bytes(2, "big") + payload
    return ipv4_frame(datagram, 17, source=source, destination=destination, ether=ether).ljust(60, b"\0")
