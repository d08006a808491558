"""Receive checksum offload: the packet checksum, and verdicts on those of IPv4, TCP and UDP (SDM 3.2.9).

What the manual leaves open is as in the RTL: see hdl/nic/rx_checksum.py.
"""

from __future__ import annotations

from emulator.model_nic.descriptor import IPCS, IPE, IXSM, TCPCS, TCPE
from hdl.nic.regmap import RXCSUM

_TYPE_AT, _TAG_BYTES, _SNAP_BYTES = 12, 4, 8
_LEAST_TYPE = 0x600
_SNAP = b"\xaa\xaa\x03\x00\x00\x00"
_TYPE_IPV4 = b"\x08\x00"
_IP_BYTES = 20
_FRAGMENT = 0x3FFF  #: more fragments, and the offset
_TCP, _UDP = 6, 17
_GOOD = 0xFFFF


def ones_sum(data: bytes) -> int:
    """The ones' complement sum of 16-bit big-endian words; zero only if all bytes are."""
    value = int.from_bytes(data + b"\0" if len(data) & 1 else data, "big")
    return value % 0xFFFF or (0xFFFF if value else 0)


def packet_checksum(data: bytes) -> int:
    """The packet checksum of these bytes."""
    return ones_sum(data) ^ 0xFFFF


class Checksums:
    """Judges frames; only if RXCSUM asks for it."""

    __slots__ = ("_ip", "_l4", "_tag")

    def __init__(self, rxcsum: int, vet: int) -> None:
        self._ip, self._l4 = bool(rxcsum & RXCSUM.IPOFLD), bool(rxcsum & RXCSUM.TUOFLD)
        self._tag = vet.to_bytes(2, "big")

    def judge(self, frame: bytes) -> tuple[int, int]:
        """A good frame without its FCS: its bits in the status and in the errors of a descriptor."""
        type_at = _TYPE_AT + _TAG_BYTES if frame[_TYPE_AT : _TYPE_AT + 2] == self._tag else _TYPE_AT
        if int.from_bytes(frame[type_at : type_at + 2], "big") < _LEAST_TYPE:
            if frame[type_at + 2 : type_at + _SNAP_BYTES] != _SNAP:
                return IXSM, 0
            type_at += _SNAP_BYTES
        packet = frame[type_at + 2 :]
        header = (packet[0] & 0xF) * 4 if packet else 0
        ipv4 = frame[type_at : type_at + 2] == _TYPE_IPV4 and header >= _IP_BYTES and packet[0] >> 4 == 4
        if not ipv4 or len(packet) < header:
            return IXSM, 0
        status = errors = 0
        if self._ip:
            status = IPCS
            errors = 0 if ones_sum(packet[:header]) == _GOOD else IPE
        if self._l4 and self._has_l4(packet, header):
            status |= TCPCS
            errors |= 0 if self._l4_good(packet, header) else TCPE
        return status or IXSM, errors

    @staticmethod
    def _has_l4(packet: bytes, header: int) -> bool:
        """Whether there is a whole TCP segment or UDP datagram with a checksum."""
        total, protocol = int.from_bytes(packet[2:4], "big"), packet[9]
        if int.from_bytes(packet[6:8], "big") & _FRAGMENT or not header <= total <= len(packet):
            return False
        return protocol == _TCP or (protocol == _UDP and any(packet[header + 6 : header + 8]))

    @staticmethod
    def _l4_good(packet: bytes, header: int) -> bool:
        total = int.from_bytes(packet[2:4], "big")
        pseudo = packet[12:20] + packet[9].to_bytes(2, "big") + (total - header).to_bytes(2, "big")
        return ones_sum(pseudo + packet[header:total]) == _GOOD
