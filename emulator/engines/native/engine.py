"""The engine ``native``: see Engine in emulator/engines/base.py and docs/architecture.md."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from driver.kernel.costs import Costs
from emulator.engines.base import Event
from emulator.engines.board_engine import BoardEngine
from emulator.engines.board_latencies import latency_cycles
from emulator.engines.board_port import STATUS_BYTES, slot_status
from emulator.engines.board_storage import SlotStorage, view
from emulator.engines.buffer_memory import BufferMemory
from emulator.engines.native.build import build_library
from emulator.engines.native.library import Board
from emulator.probes import ProbeLayout

MEMORY_BYTES = 16 * 1024 * 1024  #: the default of native_board.v


class NativeEngine(BoardEngine):
    """The board in the native library; a context manager."""

    name = "native"

    def __init__(  # noqa: PLR0913  (what a board can be made of)
        self,
        costs: Costs,
        *,
        nics: int = 1,
        cpus: int = 1,
        queues: int = 1,
        byte_ps: int = 8000,
        waves: Path | None = None,
    ) -> None:
        """A board of its own.

        Arguments:
            costs: its latencies.
            nics: how many NICs it has.
            cpus: for how many CPUs it has probes.
            queues: receive queues of a NIC, and transmit queues.
            byte_ps: time per byte on the wires, in ps; 8000 is 1 Gb/s.
            waves: file for the waveform (FST); none if not given.

        Raises:
            UserError: it cannot be built.
        """
        board = Board(build_library(nics=nics, cpus=cpus, queues=queues, waves=waves is not None), waves)
        self._board = board
        self._advance = board.advance
        self._handle = board.handle
        self.memory = BufferMemory(board.storage("core.memory", "words", MEMORY_BYTES))
        for name, cycles in latency_cycles(costs).items():
            view(board.storage("core", f"{name}_cycles", 2), "H")[0] = cycles
        self._status = board.status(nics * STATUS_BYTES)
        slots = [SlotStorage(board.storage, f"core.slot[{number}]", byte_ps) for number in range(nics)]
        super().__init__(slots, [slot_status(self._status, number) for number in range(nics)], queues)
        self._now = 0
        self._probes = ProbeLayout(cpus, nics) if waves else None
        self._probe_vector = view(board.storage("core.probes", "values", ProbeLayout(cpus, nics).bytes))

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
                wire.tell()
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
