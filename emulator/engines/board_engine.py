"""What the RTL engines have in common: ports and wires of the board of hdl/harness, and the events in its status."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

from emulator.engines.base import Event, IrqChanged, MmioDone, VectorFired
from emulator.engines.board_latencies import CLOCK_NS
from emulator.engines.board_port import BoardPort, PortSignals, SlotStatus, slot_status
from emulator.engines.board_wire import BoardWire, WireSignals


class SlotSignals(PortSignals, WireSignals, Protocol):
    """Access to the signals of a NIC's slot."""

    def messages(self) -> int:
        """The element ``counts`` of vector_lines.v: messages of each vector, a byte for each."""


class BoardEngine(ABC):
    """See Engine in emulator/engines/base.py. Time 0 is the start of the simulation.

    Attributes:
        nics: how many NICs the board has.
        queues: receive queues of each, and transmit queues.
        first_interrupt: when the first interrupt after a frame on its NIC's wire reached the CPU, in ns; None before.
    """

    def __init__(self, slots: Sequence[SlotSignals], counters: Sequence[SlotStatus], queues: int = 1) -> None:
        """The slots of a board that may have been in use already, as their counters tell."""
        self.nics = len(slots)
        self.queues = queues
        self._slots = slots
        self._vectors = [counter.vectors for counter in counters]  # what the last status said
        self._messages = [slot.messages() if queues > 1 else 0 for slot in slots]
        self.first_interrupt: int | None = None
        self._events: list[Event] = []
        pairs = list(zip(slots, counters, strict=True))
        self._ports = [BoardPort(number, slot, status) for number, (slot, status) in enumerate(pairs)]
        self._wires = [BoardWire(slot, status, self._refresh) for slot, status in pairs]
        self._irqs = [0] * self.nics

    @property
    @abstractmethod
    def now(self) -> int:
        """Simulated time in ns since the start of the simulation."""

    @abstractmethod
    def _refresh(self) -> int:
        """Take in the board's ``status`` as it is now; returns the time in ns."""

    @property
    def wires(self) -> list[BoardWire]:
        """One per NIC."""
        return self._wires

    @property
    def cycles(self) -> int:
        """Rising edges of the clock so far; the first one is at 4.5 ns."""
        return (self.now + CLOCK_NS - 5) // CLOCK_NS

    def mmio_read(self, nic: int, offset: int, tag: int) -> None:
        """Start a 32-bit read at the present instant."""
        self._port(nic).read(offset, tag)

    def mmio_write(self, nic: int, offset: int, value: int) -> None:
        """Post a 32-bit write at the present instant."""
        self._port(nic).write(offset, value)

    def _port(self, nic: int) -> BoardPort:
        """The port of a NIC, with room for an access if the board has any."""
        port = self._ports[nic]
        if port.full:
            self._refresh()
        return port

    def _take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _take_status(self, vector: bytes | memoryview, now: int) -> None:
        """Take in a new value of ``status``: counters, and events of this instant."""
        done: list[MmioDone] = []
        for number, (port, wire) in enumerate(zip(self._ports, self._wires, strict=True)):
            status = slot_status(vector, number)
            wire.update(status)
            done += port.update(status)
            if status.irq != self._irqs[number]:
                self._irqs[number] = status.irq
                self._events.append(IrqChanged(number, bool(status.irq)))
                if status.irq:
                    self._note_interrupt(wire, now)
            if status.vectors != self._vectors[number]:
                self._vectors[number] = status.vectors
                self._take_messages(number)
                self._note_interrupt(wire, now)
        self._events += done

    def _take_messages(self, number: int) -> None:
        """Vectors of a NIC have fired since the last time."""
        counts, before = self._slots[number].messages(), self._messages[number]
        self._messages[number] = counts
        for vector in range(self.queues + 1):
            fired = (counts >> 8 * vector) - (before >> 8 * vector) & 0xFF
            self._events += [VectorFired(number, vector)] * fired

    def _note_interrupt(self, wire: BoardWire, now: int) -> None:
        """An interrupt has reached the CPU."""
        if self.first_interrupt is None and wire.started:
            self.first_interrupt = now
