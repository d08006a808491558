"""TCP segmentation: one packet leaves as many frames, each with the packet's headers brought up to date (SDM 3.5)."""

from __future__ import annotations

from typing import NamedTuple

from emulator.model_nic.tx_descriptor import Context

_IPV6_HEADER_BYTES = 40
_FIN_PSH = 0x09


class Segment(NamedTuple):
    """A frame.

    Attributes:
        data: headers and payload; checksums are not inserted yet.
        transport_bytes: bytes from the TCP or UDP header on, which the pseudo header's checksum counts too.
    """

    data: bytearray
    transport_bytes: int


class Segmentation:
    """A packet of a segmentation context, from its first byte to its last."""

    __slots__ = ("_context", "_count", "_excess", "_header", "_left", "_payload")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._header = b""  # the prototype
        self._payload = b""  # what is not in a segment yet
        self._left = context.paylen if context.mss else 0  # payload bytes that are not in a segment yet
        self._excess = False  # there is more data than the context says
        self._count = 0  # segments so far

    @property
    def waiting(self) -> int:
        """Bytes that wait for a segment to become whole."""
        return len(self._header) + len(self._payload)

    def add(self, data: bytes) -> list[Segment]:
        """More of the packet has come; returns the segments that are whole now."""
        missing = self._context.hdrlen - len(self._header)
        if missing:
            self._header += data[:missing]
            data = data[missing:]
        self._payload += data
        segments = []
        while self._left and len(self._payload) >= self._size:
            segments.append(self._segment())
        if not self._left and self._payload:
            self._excess, self._payload = True, b""
        return segments

    def end(self) -> tuple[list[Segment], bool]:
        """The packet is over. A segment that is not whole leaves as it is.

        Returns:
            That segment, and whether the packet was as long as the context says.
        """
        whole = not self._left and not self._excess and self._count > 0
        return [self._segment()] if self._payload else [], whole

    @property
    def _size(self) -> int:
        """Payload bytes of the next segment."""
        return min(self._context.mss, self._left)

    def _segment(self) -> Segment:
        size = self._size
        self._left -= size
        data = bytearray(self._header) + self._payload[:size]
        self._payload = self._payload[size:]
        transport_bytes = (size + self._context.hdrlen - self._context.tucss) & 0xFFFF
        self._update(data, size, transport_bytes)
        self._count += 1
        return Segment(data, transport_bytes)

    def _update(self, data: bytearray, size: int, transport_bytes: int) -> None:
        """What differs from segment to segment (SDM 3.5.9)."""
        context, count = self._context, self._count
        ip, transport = context.ipcss, context.tucss
        network_bytes = size + context.hdrlen - ip
        if context.ipv4:
            self._put(data, ip + 2, network_bytes, 2)
            self._put(data, ip + 4, self._prototype(ip + 4, 2) + count, 2)
        else:
            # RFC 8200 does not count IPv6's own header; the manual's formula would.
            self._put(data, ip + 4, network_bytes - _IPV6_HEADER_BYTES, 2)
        if not context.tcp:
            self._put(data, transport + 4, transport_bytes, 2)
            return
        self._put(data, transport + 4, self._prototype(transport + 4, 4) + count * context.mss, 4)
        if self._left:
            self._put(data, transport + 13, self._prototype(transport + 13, 1) & ~_FIN_PSH, 1)

    def _prototype(self, at: int, width: int) -> int:
        """A field of the header; what is not in it reads as zero."""
        return int.from_bytes(self._header[at : at + width].ljust(width, b"\0"), "big")

    def _put(self, data: bytearray, at: int, value: int, width: int) -> None:
        """Change a field of the header; what is not in it stays."""
        field = (value & (1 << 8 * width) - 1).to_bytes(width, "big")
        inside = max(min(width, self._context.hdrlen - at), 0)
        data[at : at + inside] = field[:inside]
