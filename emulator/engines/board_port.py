"""The CPU's side of a NIC's slot on the board (hdl/harness): accesses to registers, and what the slot's status says."""

from __future__ import annotations

import struct
from collections import deque
from typing import NamedTuple, Protocol

from emulator.engines.base import MmioDone
from emulator.errors import RunFailed

_STATUS = struct.Struct("<IIIHHII")  # as board_core.v puts it together

STATUS_BYTES = _STATUS.size  #: per NIC

REQUESTS = 256  #: slots of mmio_port.v
_NEW, _WRITE = 1 << 50, 1 << 49
_OFFSET_LSB = 32


class PortSignals(Protocol):
    """Access to the signals of mmio_port.v."""

    def set_request(self, slot: int, bits: int) -> None:
        """Write an element of ``requests``."""

    def returned_data(self, slot: int) -> int:
        """An element of ``returned_data``."""


class SlotStatus(NamedTuple):
    """The counters that a NIC's slot shows; they run freely, modulo what they have bits for."""

    sent_words: int  #: words of the frames that have left, 32 bits
    verdicts: int  #: verdicts logged, 32 bits
    data: int  #: of the last read completed
    completions: int  #: reads completed, 16 bits
    irq: int  #: the interrupt line at the CPU
    taken: int  #: accesses taken, 9 bits
    vectors: int  #: toggles when a message of a vector arrives
    arrived_words: int  #: words of the frames sent by the NIC that have arrived, 32 bits
    cut_off: int  #: frames that a reset took out of the NIC, 32 bits


def slot_status(vector: bytes | memoryview, number: int) -> SlotStatus:
    """The part of the board's ``status`` that a slot has; byte 0 is in its bits 7 to 0."""
    sent, verdicts, data, completions, rest, arrived, cut_off = _STATUS.unpack_from(vector, number * STATUS_BYTES)
    irq, taken, vectors = rest & 1, rest >> 1 & 0x1FF, rest >> 10 & 1
    return SlotStatus(sent, verdicts, data, completions, irq, taken, vectors, arrived, cut_off)


class BoardPort:
    """The accesses to one NIC.

    Attributes:
        issued, taken: accesses handed to the board, and those that it has taken.
        completed: reads completed.
    """

    def __init__(self, nic: int, signals: PortSignals, status: SlotStatus) -> None:
        """The port of a board that may have been in use already, as its status tells."""
        self._nic = nic
        self._signals = signals
        self._tags: deque[int] = deque()
        self.issued = self.taken = status.taken
        self.completed = status.completions

    @property
    def full(self) -> bool:
        """Whether the board has no room for another access, as far as is known."""
        return self.issued - self.taken >= REQUESTS

    def read(self, offset: int, tag: int) -> None:
        """Start a read."""
        self._request(offset << _OFFSET_LSB)
        self._tags.append(tag)

    def write(self, offset: int, value: int) -> None:
        """Start a write."""
        self._request(_WRITE | offset << _OFFSET_LSB | value)

    def update(self, status: SlotStatus) -> list[MmioDone]:
        """Take in what the slot shows now; the reads that have completed since the last time."""
        self.taken += status.taken - self.taken & 0x1FF
        count = status.completions - self.completed & 0xFFFF
        done: list[MmioDone] = []
        for left in reversed(range(count)):
            value = status.data if left == 0 else self._signals.returned_data(self.completed % REQUESTS)
            done.append(MmioDone(self._tags.popleft(), value))
            self.completed += 1
        return done

    def _request(self, bits: int) -> None:
        if self.full:
            raise RunFailed(f"NIC {self._nic}: more than {REQUESTS} register accesses are under way")
        self._signals.set_request(self.issued % REQUESTS, bits if self.issued & REQUESTS else _NEW | bits)
        self.issued += 1
