"""The receive descriptor as bytes in host memory.

The layout is that of hdl/nic/layouts.py, worked out once: its views are made for RTL and slow in Python.
"""

from __future__ import annotations

import struct
from mmap import mmap

from hdl.nic.layouts import RxDescriptor, RxErrors, RxStatus

_LAYOUT = RxDescriptor.as_shape()

BYTES = _LAYOUT.size // 8
_ADDRESS = struct.Struct("<Q")
_ADDRESS_AT = _LAYOUT["address"].offset // 8
_WRITEBACK = struct.Struct("<HHBBH")  # length, checksum, status, errors, special
_ADVANCED = struct.Struct("<IIIHH")  # RSS and packet type, hash, status and errors, length, tag
_WRITEBACK_AT = _LAYOUT["length"].offset // 8  # from here to the end
assert [field.width for _, field in _LAYOUT] == [64, 16, 16, 8, 8, 16]

_DD = 1 << RxStatus.as_shape()["DD"].offset
_EOP = 1 << RxStatus.as_shape()["EOP"].offset
_LAST = _DD | _EOP

IXSM: int = 1 << RxStatus.as_shape()["IXSM"].offset
VP: int = 1 << RxStatus.as_shape()["VP"].offset
TCPCS: int = 1 << RxStatus.as_shape()["TCPCS"].offset
IPCS: int = 1 << RxStatus.as_shape()["IPCS"].offset
PIF: int = 1 << RxStatus.as_shape()["PIF"].offset
TCPE: int = 1 << RxErrors.as_shape()["TCPE"].offset
IPE: int = 1 << RxErrors.as_shape()["IPE"].offset
CE: int = 1 << RxErrors.as_shape()["CE"].offset
RXE: int = 1 << RxErrors.as_shape()["RXE"].offset


#: What a frame's last descriptor says of it: checksum, status without DD and EOP, errors, special.
Report = tuple[int, int, int, int]


def buffer_address(memory: mmap, place: int) -> int:
    """The buffer of the descriptor at an address."""
    address: int = _ADDRESS.unpack_from(memory, place + _ADDRESS_AT)[0]
    return address


def write_back(memory: mmap, place: int, length: int, report: Report, last: bool) -> None:
    """Write what the hardware says over the upper part of a descriptor; only a frame's last one has the report."""
    if last:
        checksum, status, errors, special = report
        _WRITEBACK.pack_into(memory, place + _WRITEBACK_AT, length, checksum, _LAST | status, errors, special)
    else:
        _WRITEBACK.pack_into(memory, place + _WRITEBACK_AT, length, 0, _DD, 0, 0)


def write_back_advanced(  # noqa: PLR0913, PLR0917  (what it says)
    memory: mmap, place: int, length: int, report: Report, last: bool, rss_type: int, rss_hash: int
) -> None:
    """Write all of an advanced descriptor of one buffer (82576, 7.1.5.2)."""
    if not last:
        _ADVANCED.pack_into(memory, place, rss_type, rss_hash, _DD, length, 0)
        return
    checksum, status, errors, special = report
    second = rss_hash if rss_type else checksum << 16
    _ADVANCED.pack_into(memory, place, rss_type, second, _LAST | status | errors << 24, length, special)
