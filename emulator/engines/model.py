"""The engine ``model``: register-level models of the NICs in Python, no RTL and no simulator, loosely timed.

It is fast, for unit tests and long runs, and it is the oracle that RTL is compared with.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from driver.kernel.costs import Costs
from emulator.engines.base import Event, IrqChanged, Listener, MmioDone, SentFrame, VectorFired, Verdict, WireFrame
from emulator.model_nic.memory import ModelMemory
from emulator.model_nic.multiqueue_nic import ModelMultiqueueNic
from emulator.model_nic.nic import ModelNic
from emulator.model_nic.schedule import Schedule
from emulator.model_nic.timing import ACCESS_NS, CLOCK_NS, RETURN_NS
from emulator.wire_timing import PREAMBLE_BYTES, PS_PER_NS, WireTiming

DEFAULT_MEMORY_BYTES = 16 * 1024 * 1024


class ModelWire:
    """The cable to one NIC; see Wire in emulator/engines/base.py."""

    def __init__(self, schedule: Schedule, nic: ModelNic, byte_ps: int) -> None:
        self._schedule = schedule
        self._nic = nic
        self._timing = WireTiming(byte_ps)
        self._sources: deque[Iterator[WireFrame]] = deque()
        self._busy = False
        self._verdicts: list[Verdict] = []
        self._listeners: list[Listener] = []
        nic.listen(self._tell)

    def send(self, frames: Iterable[WireFrame]) -> None:
        """Queue frames behind those queued before; read one by one, each when the one before has left."""
        self._sources.append(iter(frames))
        if not self._busy:
            self._next()

    @property
    def idle(self) -> bool:
        """Whether every queued frame has left."""
        return not self._busy

    def take_verdicts(self) -> list[Verdict]:
        """Verdicts of frames since the last call, one per frame sent, in order."""
        verdicts, self._verdicts = self._verdicts, []
        return verdicts

    def plug(self, partner: bool) -> None:
        """Whether somebody is at the other end, so that the PHY can have a link; at first there is."""
        self._nic.phy.plug(partner)

    @property
    def cut_off(self) -> int:
        """Frames that a reset of the NIC took out of its transmit FIFO or off the wire, so that nobody got them."""
        return self._nic.cut_off

    def listen(self, listener: Listener) -> None:
        """From now on tell a listener of each frame that the NIC sends, at the end of it; it may send frames itself."""
        self._listeners.append(listener)

    def _tell(self, frame: SentFrame) -> None:
        for listener in self._listeners:
            listener(frame)

    def _next(self) -> None:
        """Put the next frame on the wire, if there is one."""
        self._busy = True  # an iterable that looks at the wire while it is read sees it so
        while self._sources:
            frame = next(self._sources[0], None)
            if frame is not None:
                schedule, timing, earliest_ps = self._schedule, self._timing, frame.start_ps
                now_ps = schedule.now * PS_PER_NS
                start_ps, end_ps = timing.send(len(frame.data), earliest_ps if earliest_ps > now_ps else now_ps)
                began_ps = start_ps + PREAMBLE_BYTES * timing.byte_ps
                schedule.at(-(-end_ps // PS_PER_NS), self._arrive, (frame, began_ps // PS_PER_NS))
                return
            self._sources.popleft()
        self._busy = False

    def _arrive(self, arrival: tuple[WireFrame, int]) -> None:
        frame, began = arrival
        self._verdicts.append(self._nic.receive(frame.data, frame.bad_fcs, began))
        self._next()


class _Port:
    """The CPU's way to one NIC and the interrupt line's way back.

    Attributes:
        irq: the line as the CPU's interrupt controller sees it.
        irq_reported: the level that the last IrqChanged said.
        fired: vectors whose messages arrive in this instant.
        done: completions of this instant.
    """

    def __init__(  # noqa: PLR0913, PLR0917  (the board around it)
        self, number: int, schedule: Schedule, costs: Costs, memory: ModelMemory, byte_ps: int, queues: int
    ) -> None:
        self._schedule = schedule
        self._request_ns = costs.mmio_request + ACCESS_NS
        self._completion_ns = costs.mmio_completion
        self._free = 0  # when the register port can take the next access
        board = number, schedule, memory, costs, byte_ps, self._irq_changed
        if queues == 1:
            self.nic: ModelNic = ModelNic(*board)
        else:
            self.nic = ModelMultiqueueNic(*board, queues=queues, fires=self._fires)
        self.irq = self.irq_reported = False
        self.fired: list[int] = []
        self.done: list[MmioDone] = []

    def read(self, offset: int, tag: int) -> None:
        self._schedule.at(self._slot(), self._read, (offset, tag))

    def write(self, offset: int, value: int) -> None:
        self._schedule.at(self._slot(), self._write, (offset, value))

    def _slot(self) -> int:
        """When an access that starts now is done: in order, one per clock."""
        slot = max(self._schedule.now + self._request_ns, self._free)
        self._free = slot + CLOCK_NS
        return slot

    def _read(self, access: tuple[int, int]) -> None:
        offset, tag = access
        done = MmioDone(tag, self.nic.read(offset))
        self._schedule.at(self._schedule.now + RETURN_NS + self._completion_ns, self._complete, done)

    def _complete(self, done: MmioDone) -> None:
        self.done.append(done)
        self._schedule.announced = True

    def _write(self, access: tuple[int, int]) -> None:
        self.nic.write(*access)

    def _irq_changed(self, level: bool) -> None:
        self._schedule.at(self._schedule.now + self._completion_ns, self._show_irq, level)

    def _show_irq(self, level: bool) -> None:
        self.irq = level
        self._schedule.announced = True

    def _fires(self, vector: int) -> None:
        self._schedule.at(self._schedule.now + self._completion_ns, self._show_message, vector)

    def _show_message(self, vector: int) -> None:
        self.fired.append(vector)
        self._schedule.announced = True


class ModelEngine:
    """See Engine in emulator/engines/base.py.

    Attributes:
        now: simulated time in ns since reset was released.
    """

    name = "model"
    cycles = 0  #: it has no clock

    def __init__(
        self, nics: int, costs: Costs, byte_ps: int, *, queues: int = 1, memory_bytes: int = DEFAULT_MEMORY_BYTES
    ) -> None:
        """An engine with so many NICs, on wires with this time per byte in ps."""
        self.now = 0
        self.nics = nics
        self.queues = queues
        self.memory = ModelMemory(memory_bytes)
        self._schedule = Schedule()
        self._ports = [_Port(nic, self._schedule, costs, self.memory, byte_ps, queues) for nic in range(nics)]
        self._wires = [ModelWire(self._schedule, port.nic, byte_ps) for port in self._ports]

    @property
    def wires(self) -> list[ModelWire]:
        """One per NIC."""
        return self._wires

    async def advance(self, until: int) -> list[Event]:
        """Let the hardware run until the given time in ns, or to the first instant with events; never suspends."""
        schedule = self._schedule
        while schedule.run(until):
            events = self._events()
            if events:
                self.now = schedule.now
                return events
        self.now = schedule.now
        return []

    def mmio_read(self, nic: int, offset: int, tag: int) -> None:
        """Start a 32-bit read at the present instant."""
        self._ports[nic].read(offset, tag)

    def mmio_write(self, nic: int, offset: int, value: int) -> None:
        """Post a 32-bit write at the present instant."""
        self._ports[nic].write(offset, value)

    def set_probe(self, name: str, value: int) -> None:
        """Nothing: there is no waveform."""

    def _events(self) -> list[Event]:
        """What this instant brought to the outside: interrupt lines by NIC, then completions by NIC."""
        events: list[Event] = []
        for number, port in enumerate(self._ports):
            if port.irq != port.irq_reported:
                port.irq_reported = port.irq
                events.append(IrqChanged(number, port.irq))
            if port.fired:
                events += [VectorFired(number, vector) for vector in port.fired]
                port.fired.clear()
        for port in self._ports:
            if port.done:
                events += port.done
                port.done.clear()
        return events
