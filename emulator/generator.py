"""Generated traffic: UDP over IPv4 in Ethernet frames, each with a sequence number and its send time.

Payload, from its first byte: MAGIC, sequence number (64 bits, from 0), send time (64 bits, when the preamble
starts, in ns from the start of the traffic), all big-endian; the rest is random. The 18 bytes fill the payload of
the smallest frame.

Each NIC has its own addresses and ports: locally administered MAC addresses, IP addresses for benchmarks (RFC 2544,
C.2.2).
"""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

MAGIC = b"NH"
PAYLOAD_HEAD = struct.Struct(">2sQQ")

_from_bytes = int.from_bytes

_ETHERNET_BYTES = 14
_IP_BYTES = 20
_UDP_BYTES = 8
PAYLOAD_AT = _ETHERNET_BYTES + _IP_BYTES + _UDP_BYTES  #: behind the headers
_ETHERTYPE_IPV4 = 0x0800
_DONT_FRAGMENT = 0x4000
_TTL = 64
_PROTOCOL_UDP = 17
DISCARD_PORT = 9  # RFC 863
_FIRST_SOURCE_PORT = 49_152


def station_address(nic: int) -> bytes:
    """The MAC address that a NIC's traffic goes to."""
    return bytes((2, 0, 0, 0, nic, 1))


def peer_address(nic: int) -> bytes:
    """The MAC address that it comes from."""
    return bytes((2, 0, 0, 0, nic, 2))


def ip_addresses(nic: int) -> tuple[bytes, bytes]:
    """The IP addresses of a NIC's traffic: source and destination; flow n has a source n higher."""
    return bytes((198, 18, nic, 1)), bytes((198, 19, nic, 1))


class UdpGenerator:
    """Makes the frames that one NIC receives.

    Attributes:
        port: that they are for.
    """

    def __init__(self, sizes: Sequence[int], *, nic: int, seed: int, port: int = DISCARD_PORT, flows: int = 1) -> None:
        """Frames of these sizes in bytes without FCS (60 to 1514), in turn, to a UDP port; so many flows, in turn."""
        self._randbytes = random.Random(f"{seed} {nic}").randbytes
        # Each flow has frames of all sizes: a round of sizes for one flow, then for the next.
        self._templates = [_template(size, nic, port, flow) for flow in range(flows) for size in sizes]
        self._sequence = 0
        self.port = port

    def next_frame(self, send_ns: int) -> bytes:
        """The next frame, which starts on the wire at this time."""
        sequence, templates = self._sequence, self._templates
        headers, checksum_so_far, random_bytes = templates[sequence % len(templates)]
        payload = PAYLOAD_HEAD.pack(MAGIC, sequence, send_ns) + self._randbytes(random_bytes)
        self._sequence = sequence + 1
        checksum = 0xFFFF - (checksum_so_far + _ones_sum(payload)) % 0xFFFF  # never 0, which would mean none (RFC 768)
        return headers + checksum.to_bytes(2) + payload


def _template(size: int, nic: int, port: int, flow: int) -> tuple[bytes, int, int]:
    """What frames of a size have in common.

    Returns:
        The headers up to the UDP checksum; the sum (RFC 1071) of what that covers besides the payload; how many random
        bytes end the payload.
    """
    ip_length = size - _ETHERNET_BYTES
    udp_length = ip_length - _IP_BYTES
    source, destination = ip_addresses(nic)
    source = source[:3] + bytes((source[3] + flow,))
    ethernet = struct.pack(">6s6sH", station_address(nic), peer_address(nic), _ETHERTYPE_IPV4)
    ip_start = struct.pack(">BBHHHBB", 0x45, 0, ip_length, 0, _DONT_FRAGMENT, _TTL, _PROTOCOL_UDP)
    ip_checksum = 0xFFFF - _ones_sum(ip_start + source + destination) % 0xFFFF
    udp = struct.pack(">HHH", _FIRST_SOURCE_PORT + nic, port, udp_length)
    pseudo_header = source + destination + struct.pack(">HH", _PROTOCOL_UDP, udp_length)
    headers = ethernet + ip_start + ip_checksum.to_bytes(2) + source + destination + udp
    return headers, _ones_sum(pseudo_header + udp), size - PAYLOAD_AT - PAYLOAD_HEAD.size


def _ones_sum(data: bytes) -> int:
    """The ones' complement sum of 16-bit words (RFC 1071), modulo 65535."""
    number = _from_bytes(data)
    return (number << 8 if len(data) % 2 else number) % 0xFFFF
