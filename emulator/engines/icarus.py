"""The engine ``icarus``: the board of hdl/harness in a simulator, driven from a cocotb test.

In a testbench of your own, ``IcarusEngine(dut, costs)`` is all there is to it: ``dut`` is the Verilog top ``board``.
Python is woken only for what docs/architecture.md calls an event, and for the time it asked for.
"""

from __future__ import annotations

from collections import deque

import cocotb
from cocotb.handle import Immediate
from cocotb.simtime import get_sim_time

from driver.kernel.costs import Costs
from emulator.engines.base import Event, IrqChanged, MmioDone
from emulator.engines.board_latencies import CLOCK_NS, latency_cycles
from emulator.engines.board_memory import BoardMemory
from emulator.engines.board_wire import BoardWire
from emulator.engines.board_word import Handle
from emulator.engines.wakeup import ChangeOrTimeout
from emulator.errors import RunFailed
from emulator.probes import ProbeLayout

STEPS_PER_NS = 1000  #: the board's time precision is 1 ps

_REQUESTS = 256  # slots of mmio_port.v
_NEW, _WRITE = 1 << 50, 1 << 49
_OFFSET_LSB = 32
_STATUS_BITS = 128  # per NIC


class _Port:
    """The CPU's side of the MMIO port of one NIC (hdl/harness/mmio_port.v)."""

    def __init__(self, mmio: Handle) -> None:
        self._requests = mmio.requests
        self._returned = mmio.returned_data
        self.issued = self.taken = mmio.taken.value.to_unsigned()
        self.completed = mmio.completions.value.to_unsigned()
        self.tags: deque[int] = deque()

    def request(self, bits: int) -> None:
        """Put an access into the next slot."""
        new = 0 if self.issued & _REQUESTS else _NEW
        self._requests[self.issued % _REQUESTS].set(Immediate(new | bits))
        self.issued += 1

    def take(self, completions: int, data: int) -> list[MmioDone]:
        """The reads that have completed, given the board's counter modulo 2**16 and the data of the last one."""
        count = completions - self.completed & 0xFFFF
        done = []
        for left in reversed(range(count)):
            value = data if left == 0 else self._returned[self.completed % _REQUESTS].value.to_unsigned()
            done.append(MmioDone(self.tags.popleft(), value))
            self.completed += 1
        return done


class IcarusEngine:
    """See Engine in emulator/engines/base.py. Time 0 is the start of the simulation.

    Attributes:
        wakeups: how often the simulator has woken Python through `advance`.
        first_interrupt: when the first interrupt after a frame on its NIC's wire reached the CPU, in ns; None before.
    """

    name = "icarus"

    def __init__(self, dut: Handle, costs: Costs, *, byte_ps: int = 8000) -> None:
        """The engine on a Verilog top ``board``, with wires of this time per byte in ps (8000 is 1 Gb/s).

        Create it at the start of a test: it sets the board's latencies. A board that an earlier test of the simulation
        has used must have come to rest; its registers and memory are as that test left them.
        """
        core = dut.core
        self.nics: int = dut.NICS.value.to_signed()
        self.memory = BoardMemory(core.memory.words, dut.MEMORY_BYTES.value.to_signed())
        self.wakeups = 0
        self.first_interrupt: int | None = None
        for name, cycles in latency_cycles(costs).items():
            core[f"{name}_cycles"].set(Immediate(cycles))
        self._status = core.status
        self._wake_now = core.wake
        self._wake = dut.wake
        slots = [core.slot[number] for number in range(self.nics)]
        self._ports = [_Port(slot.mmio) for slot in slots]
        self._wires = [BoardWire(slot, byte_ps, self._refresh) for slot in slots]
        self._irqs = [False] * self.nics
        self._seen = -1  # value of `wake`; at the first look all is new
        self._looked_at = 0  # step of the last look at `wake`; at step 0 there is nothing to see
        self._fresh_at = 0  # step of the last look at `status`
        self._events: list[Event] = []
        self._probes = ProbeLayout(dut.CPUS.value.to_signed(), self.nics)
        self._probe_vector = core.probes.values
        self._probes_shown = self._probes.value
        self._waves = "waves" in cocotb.plusargs

    @property
    def wires(self) -> list[BoardWire]:
        """One per NIC."""
        return self._wires

    @property
    def now(self) -> int:
        """Simulated time in ns since the start of the simulation."""
        return int(get_sim_time("step")) // STEPS_PER_NS

    @property
    def cycles(self) -> int:
        """Rising edges of the clock so far; the first one is at 4.5 ns."""
        return (self.now + CLOCK_NS - 5) // CLOCK_NS

    async def advance(self, until: int) -> list[Event]:
        """Let the hardware run until the given time in ns, or to the first instant with events, and return them."""
        self._show_probes()
        until_step = until * STEPS_PER_NS
        while True:
            step = int(get_sim_time("step"))
            if step != self._looked_at:
                self._looked_at = step
                self._look()
            if self._events:
                events, self._events = self._events, []
                return events
            if step >= until_step:
                return []
            await ChangeOrTimeout(self._wake, until_step - step)
            self.wakeups += 1

    def mmio_read(self, nic: int, offset: int, tag: int) -> None:
        """Start a 32-bit read at the present instant."""
        self._request(nic, offset << _OFFSET_LSB)
        self._ports[nic].tags.append(tag)

    def mmio_write(self, nic: int, offset: int, value: int) -> None:
        """Post a 32-bit write at the present instant."""
        self._request(nic, _WRITE | offset << _OFFSET_LSB | value)

    def set_probe(self, name: str, value: int) -> None:
        """Show a value in the waveform under one of the names of emulator/probes.py; nothing if waves are off."""
        if self._waves:
            self._probes.set(name, value)

    def _request(self, nic: int, bits: int) -> None:
        port = self._ports[nic]
        if port.issued - port.taken >= _REQUESTS:
            self._refresh()
            if port.issued - port.taken >= _REQUESTS:
                raise RunFailed(f"NIC {nic}: more than {_REQUESTS} register accesses are under way")
        port.request(bits)

    def _show_probes(self) -> None:
        """Write the probes if they changed; not at time 0, as Icarus 11 then never updates what depends on them."""
        if self._probes.value != self._probes_shown and get_sim_time("step"):
            self._probes_shown = self._probes.value
            self._probe_vector.set(Immediate(self._probes_shown))

    def _look(self) -> None:
        """Take in what the board has to tell, if anything, and give the wires that ask for it more frames."""
        wake = self._wake_now.value.to_unsigned()
        changed = wake ^ self._seen
        if not changed:
            return
        self._seen = wake
        now = self._refresh()
        for number, wire in enumerate(self._wires):
            if changed >> 3 * number + 2 & 1:
                wire.refill(now)

    def _refresh(self) -> int:
        """Take in `status`, once in an instant; returns the time in ns."""
        step = int(get_sim_time("step"))
        if step == self._fresh_at:
            return step // STEPS_PER_NS
        self._fresh_at = step
        status = self._status.value.to_unsigned()
        done: list[MmioDone] = []
        for number, port in enumerate(self._ports):
            bits = status >> number * _STATUS_BITS
            self._wires[number].update(bits & 0xFFFF_FFFF, bits >> 32 & 0xFFFF_FFFF)
            done += port.take(bits >> 96 & 0xFFFF, bits >> 64 & 0xFFFF_FFFF)
            irq = bool(bits >> 112 & 1)
            if irq != self._irqs[number]:
                self._irqs[number] = irq
                self._events.append(IrqChanged(number, irq))
                if irq and self.first_interrupt is None and self._wires[number].started:
                    self.first_interrupt = step // STEPS_PER_NS
            port.taken += (bits >> 113) - port.taken & 0x1FF
        self._events += done
        return step // STEPS_PER_NS
