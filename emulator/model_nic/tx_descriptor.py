"""Transmit descriptors as bytes in host memory: legacy, TCP/IP context and TCP/IP data; see descriptor.py."""

from __future__ import annotations

import enum
import struct
from mmap import mmap
from typing import NamedTuple

from hdl.nic.layouts import (
    TX_CONTEXT,
    TX_DATA,
    TxCommand,
    TxContextCommand,
    TxContextDescriptor,
    TxDataCommand,
    TxDataDescriptor,
    TxDescriptor,
    TxPacketOptions,
    TxStatus,
)

_LAYOUT = TxDescriptor.as_shape()

BYTES = _LAYOUT.size // 8
_WORDS = struct.Struct("<QIBBH")  # address; length, CSO or DTYP, command; status; CSS or POPTS; special
_STATUS_AT = _LAYOUT["status"].offset // 8
assert [field.width for _, field in _LAYOUT] == [64, 16, 8, 8, 4, 4, 8, 16]
assert [field.width for _, field in TxDataDescriptor.as_shape()] == [64, 20, 4, 8, 4, 4, 8, 16]

# In the command byte of every descriptor with data; RS, DEXT and IDE in that of a context, too.
EOP: int = 1 << TxCommand.as_shape()["EOP"].offset
IFCS: int = 1 << TxCommand.as_shape()["IFCS"].offset
IC: int = 1 << TxCommand.as_shape()["IC"].offset
RS: int = 1 << TxCommand.as_shape()["RS"].offset
RPS: int = 1 << TxCommand.as_shape()["RPS"].offset
DEXT: int = 1 << TxCommand.as_shape()["DEXT"].offset
VLE: int = 1 << TxCommand.as_shape()["VLE"].offset
IDE: int = 1 << TxCommand.as_shape()["IDE"].offset
TSE: int = 1 << TxDataCommand.as_shape()["TSE"].offset
_DD: int = 1 << TxStatus.as_shape()["DD"].offset

IXSM: int = 1 << TxPacketOptions.as_shape()["IXSM"].offset
TXSM: int = 1 << TxPacketOptions.as_shape()["TXSM"].offset

_CONTEXT = struct.Struct("<BBHBBHIBBH")  # IP's start, offset, end; TCP's; PAYLEN and command; status; HDRLEN; MSS
_CONTEXT_LAYOUT = TxContextDescriptor.as_shape()
assert [field.width for _, field in _CONTEXT_LAYOUT] == [8, 8, 16, 8, 8, 16, 20, 4, 8, 4, 4, 8, 16]
_PAYLEN = (1 << _CONTEXT_LAYOUT["paylen"].width) - 1
_COMMAND_SHIFT = _CONTEXT_LAYOUT["command"].offset - _CONTEXT_LAYOUT["paylen"].offset
_TCP = 1 << TxContextCommand.as_shape()["TCP"].offset
_IP = 1 << TxContextCommand.as_shape()["IP"].offset
_CONTEXT_TSE = 1 << TxContextCommand.as_shape()["TSE"].offset


class Kind(enum.Enum):
    """What a descriptor is."""

    LEGACY = enum.auto()
    CONTEXT = enum.auto()
    DATA = enum.auto()
    RESERVED = enum.auto()  #: extended, of a type that there is not: it does nothing


_CONTEXT_KIND, _RESERVED_KIND = Kind.CONTEXT, Kind.RESERVED  # each naming of a member searches its class
_EXTENDED = {TX_CONTEXT: Kind.CONTEXT, TX_DATA: Kind.DATA}


class Context(NamedTuple):
    """What a context descriptor says, field by field; ``tcp``, ``ipv4`` and ``tse`` are its command's."""

    ipcss: int
    ipcso: int
    ipcse: int
    tucss: int
    tucso: int
    tucse: int
    paylen: int
    hdrlen: int
    mss: int
    tcp: bool
    ipv4: bool
    tse: bool


NO_CONTEXT = Context(0, 0, 0, 0, 0, 0, 0, 0, 0, tcp=False, ipv4=False, tse=False)


class Fetched(NamedTuple):
    """A descriptor.

    Attributes:
        address, length: of its data; a length of 0 for none.
        cso, css: of a legacy one; of a data descriptor ``css`` is POPTS.
        special: the tag.
        context: of a context descriptor.
    """

    kind: Kind
    address: int
    length: int
    command: int
    cso: int
    css: int
    special: int
    context: Context | None

    @property
    def segmented(self) -> bool:
        """Whether its data is cut into frames, so that there may be any amount of it."""
        return self.kind is Kind.DATA and bool(self.command & TSE)

    @property
    def ends(self) -> bool:
        """Whether it is the last one of a packet; a context's bit 0 means something else."""
        return bool(self.command & EOP) and self.kind is not _CONTEXT_KIND and self.kind is not _RESERVED_KIND


def fetch(memory: mmap, place: int) -> Fetched:
    """The descriptor at an address. One with a null address transfers no data (SDM 3.3.3.1, note 3)."""
    address, lower, _, css, special = _WORDS.unpack_from(memory, place)
    command = lower >> 24
    if not command & DEXT:
        length = lower & 0xFFFF if address else 0
        return Fetched(Kind.LEGACY, address, length, command, lower >> 16 & 0xFF, css, special, None)
    kind = _EXTENDED.get(lower >> 20 & 15, Kind.RESERVED)
    length = lower & 0xFFFFF if address and kind is Kind.DATA else 0
    context = _context(memory, place) if kind is Kind.CONTEXT else None
    return Fetched(kind, address, length, command, lower >> 16 & 0xFF, css, special, context)


def _context(memory: mmap, place: int) -> Context:
    ipcss, ipcso, ipcse, tucss, tucso, tucse, lower, _, hdrlen, mss = _CONTEXT.unpack_from(memory, place)
    tucmd = lower >> _COMMAND_SHIFT
    return Context(
        *(ipcss, ipcso, ipcse, tucss, tucso, tucse, lower & _PAYLEN, hdrlen, mss),
        tcp=bool(tucmd & _TCP),
        ipv4=bool(tucmd & _IP),
        tse=bool(tucmd & _CONTEXT_TSE),
    )


def write_back(memory: mmap, place: int) -> None:
    """Say that the hardware is finished with a descriptor."""
    memory[place + _STATUS_AT] = _DD
