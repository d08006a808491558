"""The legacy transmit descriptor as bytes in host memory; see descriptor.py."""

from __future__ import annotations

import struct
from mmap import mmap

from hdl.nic.layouts import TxCommand, TxDescriptor, TxStatus

_LAYOUT = TxDescriptor.as_shape()

BYTES = _LAYOUT.size // 8
_WRITTEN_BY_DRIVER = struct.Struct("<QHBB")  # address, length, CSO, command
_STATUS_AT = _LAYOUT["status"].offset // 8
assert [field.width for _, field in _LAYOUT] == [64, 16, 8, 8, 4, 4, 8, 16]

EOP: int = 1 << TxCommand.as_shape()["EOP"].offset
IFCS: int = 1 << TxCommand.as_shape()["IFCS"].offset
RS: int = 1 << TxCommand.as_shape()["RS"].offset
DEXT: int = 1 << TxCommand.as_shape()["DEXT"].offset
IDE: int = 1 << TxCommand.as_shape()["IDE"].offset
_DD: int = 1 << TxStatus.as_shape()["DD"].offset


def fetch(memory: mmap, place: int) -> tuple[int, int, int]:
    """Address of the data, bytes of it, and command, of the descriptor at an address."""
    address, length, _cso, command = _WRITTEN_BY_DRIVER.unpack_from(memory, place)
    return address, length, command


def write_back(memory: mmap, place: int) -> None:
    """Say that the hardware is finished with a descriptor."""
    memory[place + _STATUS_AT] = _DD
