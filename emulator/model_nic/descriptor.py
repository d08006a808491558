"""The receive descriptor as integers.

The layout is that of hdl/nic/layouts.py, worked out once: its views are made for RTL and slow in Python.
"""

from __future__ import annotations

from hdl.nic.layouts import RxDescriptor, RxErrors, RxStatus

_LAYOUT = RxDescriptor.as_shape()

BYTES = _LAYOUT.size // 8
ADDRESS_AT = _LAYOUT["address"].offset // 8  #: byte offset of the buffer's address
ADDRESS_BYTES = _LAYOUT["address"].width // 8
WRITEBACK_AT = _LAYOUT["length"].offset // 8  #: byte offset of what the hardware writes back, up to the end
WRITEBACK_BYTES = BYTES - WRITEBACK_AT

_LENGTH_LSB = _LAYOUT["length"].offset - 8 * WRITEBACK_AT
_STATUS_LSB = _LAYOUT["status"].offset - 8 * WRITEBACK_AT
_ERRORS_LSB = _LAYOUT["errors"].offset - 8 * WRITEBACK_AT

_DD = 1 << RxStatus.as_shape()["DD"].offset << _STATUS_LSB
_EOP = 1 << RxStatus.as_shape()["EOP"].offset << _STATUS_LSB
_IXSM = 1 << RxStatus.as_shape()["IXSM"].offset << _STATUS_LSB
_LAST = _DD | _EOP | _IXSM  # no checksum is calculated

CE: int = 1 << RxErrors.as_shape()["CE"].offset
RXE: int = 1 << RxErrors.as_shape()["RXE"].offset


def writeback(length: int, errors: int, last: bool) -> bytes:
    """What the hardware writes over the upper part of a descriptor; errors are those of the last one of a frame."""
    value: int = length << _LENGTH_LSB | (_LAST | errors << _ERRORS_LSB if last else _DD)
    return value.to_bytes(WRITEBACK_BYTES, "little")
