"""Receive side scaling: which queue a frame goes to (82576, 7.1.1.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hdl.nic.regmap import MRQC, RETA, RSSRK, VET

_RSS = 2  # MRQC.MODE

_TYPE_AT, _TAG_BYTES = 12, 4
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_TCP, _UDP = 6, 17
_IPV4_BYTES, _IPV6_BYTES = 20, 40

#: What was hashed, as advanced descriptors say it (82576, 7.1.5.2).
TCP_IPV4, IPV4, TCP_IPV6, IPV6, UDP_IPV4, UDP_IPV6 = 1, 2, 3, 5, 7, 8

_MOST_FLOWS = 4096  #: whose hashes are remembered


class Route(NamedTuple):
    """Where a frame goes, what was hashed, 0 for nothing, and the hash."""

    queue: int
    rss_type: int
    rss_hash: int


QUEUE_0 = Route(0, 0, 0)


def toeplitz(key: bytes, data: bytes) -> int:
    """The hash of up to 36 bytes with a key of 40."""
    bits = 8 * len(key)
    number, result = int.from_bytes(key), 0
    for position, byte in enumerate(data):
        for bit in range(8):
            if byte & 0x80 >> bit:
                result ^= number >> bits - 32 - 8 * position - bit & 0xFFFF_FFFF
    return result


class Rss:
    """Decides by MRQC, RETA and RSSRK."""

    def __init__(self, queues: int) -> None:
        self._queues = queues
        self._known: dict[bytes, Route] = {}
        self._types = dict.fromkeys(((version, ports) for version in (4, 6) for ports in (0, _TCP, _UDP)), 0)

    def configure(self, values: Mapping[int, int]) -> None:
        """Take over the registers, by offset."""
        mrqc = values[MRQC.offset]
        self._enabled = MRQC.MODE.get(mrqc) == _RSS
        fields = {
            (4, 0): (MRQC.IPV4, IPV4),
            (4, _TCP): (MRQC.TCPIPV4, TCP_IPV4),
            (4, _UDP): (MRQC.UDPIPV4, UDP_IPV4),
            (6, 0): (MRQC.IPV6, IPV6),
            (6, _TCP): (MRQC.TCPIPV6, TCP_IPV6),
            (6, _UDP): (MRQC.UDPIPV6, UDP_IPV6),
        }
        self._types = {what: rss_type if mrqc & field else 0 for what, (field, rss_type) in fields.items()}
        self._key = b"".join(values[offset].to_bytes(4, "little") for offset in RSSRK.offsets())
        self._table = b"".join(values[offset].to_bytes(4, "little") for offset in RETA.offsets())
        self._vet = values[VET.offset].to_bytes(2)
        self._known.clear()

    def route(self, data: bytes) -> Route:
        """Where a good frame goes; ``data`` is without FCS, with its tag if it has one."""
        if not self._enabled:
            return QUEUE_0
        ip_at = _TYPE_AT + 2
        if data[_TYPE_AT : _TYPE_AT + 2] == self._vet:
            ip_at += _TAG_BYTES
        ethertype = data[ip_at - 2 : ip_at]
        if ethertype == _IPV4 and data[ip_at] >> 4 == 4:
            return self._route_ipv4(data, ip_at)
        if ethertype == _IPV6 and data[ip_at] >> 4 == 6:
            return self._route_ipv6(data, ip_at)
        return QUEUE_0

    def _route_ipv4(self, data: bytes, ip_at: int) -> Route:
        addresses = data[ip_at + 12 : ip_at + _IPV4_BYTES]
        fragment = int.from_bytes(data[ip_at + 6 : ip_at + 8]) & 0x3FFF
        if data[ip_at] & 15 == _IPV4_BYTES // 4 and not fragment:
            rss_type = self._types.get((4, data[ip_at + 9]), 0) if data[ip_at + 9] else 0
            if rss_type:
                return self._look_up(rss_type, addresses + data[ip_at + _IPV4_BYTES : ip_at + _IPV4_BYTES + 4])
        return self._look_up(self._types[4, 0], addresses)

    def _route_ipv6(self, data: bytes, ip_at: int) -> Route:
        addresses = data[ip_at + 8 : ip_at + _IPV6_BYTES]
        ports = data[ip_at + _IPV6_BYTES : ip_at + _IPV6_BYTES + 4]
        if len(ports) == 4 and data[ip_at + 6]:
            rss_type = self._types.get((6, data[ip_at + 6]), 0)
            if rss_type:
                return self._look_up(rss_type, addresses + ports)
        return self._look_up(self._types[6, 0], addresses)

    def _look_up(self, rss_type: int, hashed: bytes) -> Route:
        if not rss_type:
            return QUEUE_0
        key = bytes((rss_type,)) + hashed
        route = self._known.get(key)
        if route is None:
            rss_hash = toeplitz(self._key, hashed)
            queue = self._table[rss_hash & 0x7F] & 0xF
            route = Route(queue if queue < self._queues else 0, rss_type, rss_hash)
            if len(self._known) == _MOST_FLOWS:
                self._known.clear()
            self._known[key] = route
        return route
