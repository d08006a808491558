"""The engines ``icarus`` and ``verilator``: the board of hdl/harness in a simulator, driven from a cocotb test.

In a testbench of your own, ``CocotbEngine(dut, costs)`` is all there is to it: ``dut`` is the Verilog top ``board``.
Python is woken only for what docs/architecture.md calls an event, and for the time it asked for.
"""

from __future__ import annotations

import cocotb

from driver.kernel.costs import Costs
from emulator.engines.base import Event
from emulator.engines.board_access import board_access, slot_counters
from emulator.engines.board_engine import BoardEngine
from emulator.engines.board_latencies import latency_cycles
from emulator.engines.board_signal import Handle, Signal, now_step
from emulator.engines.wakeup import ChangeOrTimeout
from emulator.probes import ProbeLayout

STEPS_PER_NS = 1000  #: the board's time precision is 1 ps


class CocotbEngine(BoardEngine):
    """The board in a simulator.

    Attributes:
        name: ``icarus`` or ``verilator``, by the simulator that runs the test.
        wakeups: how often the simulator has woken Python through `advance`.
    """

    def __init__(self, dut: Handle, costs: Costs, *, byte_ps: int = 8000) -> None:
        """The engine on a Verilog top ``board``, with wires of this time per byte in ps (8000 is 1 Gb/s).

        Create it at the start of a test: it sets the board's latencies. A board that an earlier test of the simulation
        has used must have come to rest; its registers and memory are as that test left them.
        """
        core = dut.core
        self.name = cocotb.SIM_NAME.partition(" ")[0].lower()
        nics, queues = dut.NICS.value.to_signed(), dut.QUEUES.value.to_signed()
        access = board_access(dut, nics, byte_ps)
        super().__init__(access.slots, [slot_counters(core.slot[number]) for number in range(nics)], queues)
        self.memory = access.memory
        self.wakeups = 0
        for name, cycles in latency_cycles(costs).items():
            Signal(core[f"{name}_cycles"]).write(cycles)
        self._read_status = access.status
        self._read_wake = access.wake
        self._wake = dut.wake
        self._seen = -1  # value of `wake`; at the first look all is new
        self._looked_at = 0  # step of the last look at `wake`; at step 0 there is nothing to see
        self._fresh_at = 0  # step of the last look at `status`
        self._probes = ProbeLayout(dut.CPUS.value.to_signed(), self.nics)
        self._probe_vector = Signal(core.probes.values)
        self._probes_shown = self._probes.value
        self._waves = "waves" in cocotb.plusargs

    @property
    def now(self) -> int:
        """Simulated time in ns since the start of the simulation."""
        return now_step() // STEPS_PER_NS

    async def advance(self, until: int) -> list[Event]:
        """Let the hardware run until the given time in ns, or to the first instant with events, and return them."""
        self._show_probes()
        until_step = until * STEPS_PER_NS
        while True:
            step = now_step()
            if step != self._looked_at:
                self._looked_at = step
                self._look()
            if self._events:
                return self._take_events()
            if step >= until_step:
                return []
            await ChangeOrTimeout(self._wake, until_step - step)
            self.wakeups += 1

    def set_probe(self, name: str, value: int) -> None:
        """Show a value in the waveform under one of the names of emulator/probes.py; nothing if waves are off."""
        if self._waves:
            self._probes.set(name, value)

    def _show_probes(self) -> None:
        """Write the probes if they changed; not at time 0, as Icarus 11 then never updates what depends on them."""
        if self._probes.value != self._probes_shown and now_step():
            self._probes_shown = self._probes.value
            self._probe_vector.write(self._probes_shown)

    def _look(self) -> None:
        """Take in what the board has to tell, if anything; listen to the wires, and top up those that run low."""
        wake = self._read_wake()
        changed = wake ^ self._seen
        if not changed:
            return
        self._seen = wake
        now = self._refresh()
        for number, wire in enumerate(self._wires):
            if changed >> 4 * number + 2 & 1:
                if wire.low:
                    wire.refill(now)
                wire.tell()

    def _refresh(self) -> int:
        """Take in `status`, once in an instant; returns the time in ns."""
        step = now_step()
        if step == self._fresh_at:
            return step // STEPS_PER_NS
        self._fresh_at = step
        now = step // STEPS_PER_NS
        self._take_status(self._read_status(), now)
        return now
