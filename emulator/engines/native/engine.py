"""The engine ``native``: see Engine in emulator/engines/base.py and docs/architecture.md."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from driver.kernel.costs import Costs
from emulator.engines.base import Event
from emulator.engines.board_engine import BoardEngine
from emulator.engines.board_latencies import latency_cycles
from emulator.engines.board_port import STATUS_BYTES, slot_status
from emulator.engines.board_wire import LOG_WORDS, MEMORY_WORDS, WORD_BYTES
from emulator.engines.buffer_memory import BufferMemory
from emulator.engines.native.build import build_library
from emulator.engines.native.library import Board
from emulator.probes import ProbeLayout

MEMORY_BYTES = 16 * 1024 * 1024  #: the default of native_board.v

_REQUESTS = 256


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


class NativeEngine(BoardEngine):
    """The board in the native library; a context manager."""

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
        board = Board(build_library(nics=nics, cpus=cpus, waves=waves is not None), waves)
        self._board = board
        self._advance = board.advance
        self._handle = board.handle
        self.memory = BufferMemory(board.array("core.memory", "words", MEMORY_BYTES))
        for name, cycles in latency_cycles(costs).items():
            board.signal("core", f"{name}_cycles", 2).cast("H")[0] = cycles
        self._status = board.status(nics * STATUS_BYTES)
        slots = [_SlotSignals(board, number, byte_ps) for number in range(nics)]
        super().__init__(slots, [slot_status(self._status, number) for number in range(nics)])
        self._now = 0
        self._probes = ProbeLayout(cpus, nics) if waves else None
        self._probe_vector = board.signal("core.probes", "values", ProbeLayout(cpus, nics).bytes)

    @property
    def now(self) -> int:
        """Simulated time in ns since the start of the simulation."""
        return self._now

    async def advance(self, until: int) -> list[Event]:
        """Let the hardware run until the given time in ns, or to the first instant with events; never suspends."""
        if self._probes is not None:
            self._probe_vector[:] = self._probes.value.to_bytes(len(self._probe_vector), "little")
        while not self._events:
            reached = self._advance(self._handle, until)
            if reached < 0:
                raise self._board.failed()
            self._now = reached >> 1
            if not reached & 1:
                return []
            self._refresh()
            for wire in self._wires:
                if wire.low:
                    wire.refill(self._now)
        return self._take_events()

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

    def _refresh(self) -> int:
        self._take_status(self._status, self._now)
        return self._now
