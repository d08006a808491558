"""Writes captures: frames in order at simulated time, as delivered.pcapng and sent.pcapng of a run.

scapy's PcapNgWriter makes its timestamps from floating point, in microseconds, and cannot say that they are finer;
so the three blocks that are needed (draft-ietf-opsawg-pcapng, sections 4.1 to 4.3) are written here.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

_SECTION_HEADER = 0x0A0D0D0A
_INTERFACE_DESCRIPTION = 1
_ENHANCED_PACKET = 6
_BYTE_ORDER = 0x1A2B3C4D
_UNKNOWN_LENGTH = -1
_LINKTYPE_ETHERNET = 1
_IF_NAME = 2
_IF_TSRESOL = 9
_NANOSECONDS = 9  # 10 to the minus 9

_PACKET_HEAD = struct.Struct("<IIIIIII")  # type, total length, interface, time high, low, captured, original length
_TOTAL_LENGTH = struct.Struct("<I")
_PACKET_OVERHEAD = _PACKET_HEAD.size + _TOTAL_LENGTH.size
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


class PcapngWriter:
    """Writes the file frame by frame; a context manager."""

    def __init__(self, path: Path, interfaces: Sequence[str]) -> None:
        """Start the file with one interface per NIC, by the names of the network devices."""
        self._file = path.open("wb")
        self._file.write(_block(_SECTION_HEADER, struct.pack("<IHHq", _BYTE_ORDER, 1, 0, _UNKNOWN_LENGTH)))
        for name in interfaces:
            options = _option(_IF_NAME, name.encode()) + _option(_IF_TSRESOL, bytes([_NANOSECONDS])) + _option(0, b"")
            self._file.write(_block(_INTERFACE_DESCRIPTION, struct.pack("<HHI", _LINKTYPE_ETHERNET, 0, 0) + options))

    def write(self, nic: int, data: bytes, now_ns: int) -> None:
        """Append a frame (without FCS) that the NIC's device delivered, or the NIC sent, at this time."""
        length = len(data)
        padding = _PADDING[length % 4]
        total = _PACKET_OVERHEAD + length + len(padding)
        high, low = now_ns >> 32, now_ns & 0xFFFFFFFF
        head = _PACKET_HEAD.pack(_ENHANCED_PACKET, total, nic, high, low, length, length)
        self._file.write(b"".join((head, data, padding, _TOTAL_LENGTH.pack(total))))

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def __enter__(self) -> PcapngWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _padded(data: bytes) -> bytes:
    return data + _PADDING[len(data) % 4]


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _block(kind: int, body: bytes) -> bytes:
    total = len(body) + 12
    return struct.pack("<II", kind, total) + body + _TOTAL_LENGTH.pack(total)
