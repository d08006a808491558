"""The engine ``native``: see Engine in emulator/engines/base.py and docs/architecture.md."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from driver.kernel.costs import Costs
from emulator.engines.base import Event, IrqChanged, MmioDone
from emulator.engines.board_latencies import CLOCK_NS, latency_cycles
from emulator.engines.board_port import STATUS_BITS, BoardPort, slot_status
from emulator.engines.board_wire import LOG_WORDS, MEMORY_WORDS, WORD_BYTES, BoardWire
from emulator.engines.buffer_memory import BufferMemory
from emulator.engines.native.build import build_library
from emulator.engines.native.library import Board
from emulator.probes import ProbeLayout

MEMORY_BYTES = 16 * 1024 * 1024  #: the default of native_board.v

_REQUESTS = 256
_STATUS_BYTES = STATUS_BITS // 8


class _SlotSignals:
    """The signals of a NIC's slot; see PortSignals and WireSignals."""

    def __init__(self, board: Board, number: int, byte_ps: int) -> None:
        slot = f"core.slot[{number}]"
        source = f"{slot}.source"
        self._requests = board.signal(f"{slot}.mmio", "requests", 8 * _REQUESTS).cast("Q")
        self._returned_data = board.signal(f"{slot}.mmio", "returned_data", 4 * _REQUESTS).cast("I")
        self._words = board.signal(source, "words", MEMORY_WORDS * WORD_BYTES)
        self._queued_words = board.signal(source, "queued_words", 4).cast("I")
        self._call_at = board.signal(source, "call_at", 4).cast("I")
        self._log = board.signal(f"{slot}.verdicts", "words", LOG_WORDS * WORD_BYTES)
        board.signal(source, "byte_ps", 8).cast("Q")[0] = byte_ps

    def set_request(self, slot: int, bits: int) -> None:
        self._requests[slot] = bits

    def returned_data(self, slot: int) -> int:
        return self._returned_data[slot]

    def put_words(self, index: int, data: bytes) -> None:
        self._words[index * WORD_BYTES : index * WORD_BYTES + len(data)] = data

    def set_queued_words(self, words: int) -> None:
        self._queued_words[0] = words

    def set_call_at(self, words: int) -> None:
        self._call_at[0] = words

    def verdict_word(self, index: int) -> int:
        return int.from_bytes(self._log[index * WORD_BYTES : (index + 1) * WORD_BYTES], "little")


class NativeEngine:
    """See Engine in emulator/engines/base.py. Time 0 is the start of the simulation; a context manager.

    Attributes:
        first_interrupt: when the first interrupt after a frame on its NIC's wire reached the CPU, in ns; None before.
    """

    name = "native"

    def __init__(
        self, costs: Costs, *, nics: int = 1, cpus: int = 1, byte_ps: int = 8000, waves: Path | None = None
    ) -> None:
        """A board of its own.

        Arguments:
            costs: its latencies.
            nics: how many NICs it has.
            cpus: for how many CPUs it has probes.
            byte_ps: time per byte on the wires, in ps; 8000 is 1 Gb/s.
            waves: file for the waveform (FST); none if not given.

        Raises:
            UserError: it cannot be built.
        """
        self.nics = nics
        self.now = 0
        self.first_interrupt: int | None = None
        board = Board(build_library(nics=nics, cpus=cpus, waves=waves is not None), waves)
        self._board = board
        self._advance = board.advance
        self._handle = board.handle
        self.memory = BufferMemory(board.signal("core.memory", "words", MEMORY_BYTES))
        for name, cycles in latency_cycles(costs).items():
            board.signal("core", f"{name}_cycles", 2).cast("H")[0] = cycles
        self._status = board.status(nics * _STATUS_BYTES)
        status = slot_status(0)
        slots = [_SlotSignals(board, number, byte_ps) for number in range(nics)]
        self._ports = [BoardPort(number, slot, status) for number, slot in enumerate(slots)]
        self._wires = [BoardWire(slot, status, self._refresh) for slot in slots]
        self._irqs = [False] * nics
        self._events: list[Event] = []
        self._probes = ProbeLayout(cpus, nics) if waves else None
        self._probe_vector = board.signal("core.probes", "values", ProbeLayout(cpus, nics).bytes)

    @property
    def wires(self) -> list[BoardWire]:
        """One per NIC."""
        return self._wires

    @property
    def cycles(self) -> int:
        """Rising edges of the clock so far; the first one is at 4.5 ns."""
        return (self.now + CLOCK_NS - 5) // CLOCK_NS

    async def advance(self, until: int) -> list[Event]:
        """Let the hardware run until the given time in ns, or to the first instant with events; never suspends."""
        self._show_probes()
        while not self._events:
            reached = self._advance(self._handle, until)
            if reached < 0:
                raise self._board.failed()
            self.now = reached >> 1
            if not reached & 1:
                return []
            self._refresh()
            for wire in self._wires:
                if wire.low:
                    wire.refill(self.now)
        events, self._events = self._events, []
        return events

    def mmio_read(self, nic: int, offset: int, tag: int) -> None:
        """Start a 32-bit read at the present instant."""
        self._port(nic).read(offset, tag)

    def mmio_write(self, nic: int, offset: int, value: int) -> None:
        """Post a 32-bit write at the present instant."""
        self._port(nic).write(offset, value)

    def set_probe(self, name: str, value: int) -> None:
        """Show a value in the waveform under one of the names of emulator/probes.py; nothing if waves are off."""
        if self._probes is not None:
            self._probes.set(name, value)

    def evaluate_every_edge(self) -> None:
        """From now on evaluate also clock edges that change nothing, as with waves; the results are the same."""
        self._board.evaluate_every_edge()

    def close(self) -> None:
        """Finish the waveform; nothing of the engine may be used after that."""
        self._board.close()

    def __enter__(self) -> NativeEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _port(self, nic: int) -> BoardPort:
        """The port of a NIC, with room for an access if the board has any."""
        port = self._ports[nic]
        if port.full:
            self._refresh()
        return port

    def _show_probes(self) -> None:
        if self._probes is not None:
            self._probe_vector[:] = self._probes.value.to_bytes(len(self._probe_vector), "little")

    def _refresh(self) -> int:
        """Take in `status`; returns the time in ns."""
        done: list[MmioDone] = []
        for number in range(self.nics):
            start = number * _STATUS_BYTES
            status = slot_status(int.from_bytes(self._status[start : start + _STATUS_BYTES], "little"))
            self._wires[number].update(status)
            done += self._ports[number].update(status)
            irq = bool(status.irq)
            if irq != self._irqs[number]:
                self._irqs[number] = irq
                self._events.append(IrqChanged(number, irq))
                if irq and self.first_interrupt is None and self._wires[number].started:
                    self.first_interrupt = self.now
        self._events += done
        return self.now
