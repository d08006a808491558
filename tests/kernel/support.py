"""A machine for unit tests: memory, free CPU time unless a test sets a price, and a scripted device."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from driver.kernel.costs import Costs
from driver.kernel.cpu import KTIME_MAX
from driver.kernel.irq import IrqReturn, request_irq
from driver.kernel.machine import Machine, MmioRead, MmioWrite
from driver.kernel.pci import FIRST_IRQ
from driver.kernel.sysctl import Sysctl

FREE = Costs(**{field.name: 0 for field in dataclasses.fields(Costs)})


class Memory:
    """Host memory without an engine."""

    def __init__(self, size: int = 4 << 20) -> None:
        self.size = size
        self._bytes = bytearray(size)

    def read(self, address: int, length: int) -> bytes:
        return bytes(self._bytes[address : address + length])

    def write(self, address: int, data: bytes) -> None:
        self._bytes[address : address + len(data)] = data


class Computer:
    """A machine and a device whose registers a test plays.

    Attributes:
        registers: values that reads return, by offset.
        writes: writes as the device sees them: time in ns, offset, value.
    """

    def __init__(self, *, cpus: int = 1, sysctl: Sysctl | None = None, **costs: int) -> None:
        self.machine = Machine(Memory(), dataclasses.replace(FREE, **costs), cpus=cpus, sysctl=sysctl)
        self.registers: dict[int, int] = {}
        self.writes: list[tuple[int, int, int]] = []
        self._events: list[tuple[int, int, Callable[[], object]]] = []
        self._count = 0
        self.run(0)  # the kernel's own threads go to sleep

    def at(self, time: int, happens: Callable[[], object]) -> None:
        """Let something happen outside the machine at a time."""
        self._count += 1
        heapq.heappush(self._events, (time, self._count, happens))

    def irq(self, time: int, *, level: bool, device: int = 0) -> None:
        """Let the interrupt line of a device change at a time."""
        self.at(time, lambda: self.machine.set_irq_level(device, level=level))

    def spawn(self, code: Coroutine[Any, Any, Any], comm: str = "test") -> None:
        """Start a thread."""
        self.machine.kthread_run(code, comm)

    def run(self, until: int) -> None:
        """Let everything run up to and including a time in ns."""
        machine = self.machine
        while True:
            for request in machine.run():
                self._start(request)
            now = min(machine.deadline, self._events[0][0] if self._events else KTIME_MAX)
            if now > until:
                machine.now = until
                return
            machine.now = now
            while self._events and self._events[0][0] <= now:
                heapq.heappop(self._events)[2]()

    def on_interrupt(self, work: Callable[[], Awaitable[None] | None], time: int = 100) -> None:
        """Raise the line of device 0 at a time, and do this in its handler, which lowers the line again."""

        async def handler(_irq: int, _dev: object) -> IrqReturn:
            self.machine.set_irq_level(0, level=False)
            awaitable = work()
            if awaitable is not None:
                await awaitable
            return IrqReturn.HANDLED

        async def setup() -> None:
            request_irq(FIRST_IRQ, handler, 0, "eth0", None)

        self.spawn(setup())
        self.irq(time, level=True)

    def _start(self, request: MmioRead | MmioWrite) -> None:
        machine = self.machine
        arrives = machine.now + machine.costs.mmio_request
        if isinstance(request, MmioWrite):
            self.at(arrives, lambda: self.writes.append((machine.now, request.offset, request.value)))
            return
        value = self.registers.get(request.offset, 0)
        self.at(
            max(arrives + machine.costs.mmio_completion, machine.now + 1),
            lambda: machine.complete_read(request.tag, value),
        )


def events(computer: Computer, *names: str) -> list[tuple[Any, ...]]:
    """A list that fills with what the named tracepoints see: time, name, arguments."""
    seen: list[tuple[Any, ...]] = []
    for name in names:

        def probe(*arguments: object, name: str = name) -> None:
            seen.append((computer.machine.now, name, *arguments))

        computer.machine.tracepoints.register(name, probe)
    return seen
