"""The emulation: a kernel on an engine's hardware, and the loop that lets the two take turns.

This is what a cocotb testbench of your own works with: make one, probe the driver, offer frames, let time pass, look.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from driver.kernel.costs import Costs
from driver.kernel.machine import Machine, MmioRead, Request
from driver.kernel.pci import PciDev
from driver.kernel.rules.rule import RuleBroken
from driver.kernel.timer import NSEC_PER_SEC
from emulator.driver_fault import explain
from emulator.engines.base import Engine, Event, IrqChanged, VectorFired
from emulator.errors import RunFailed

Result = TypeVar("Result")

#: A call into the kernel that takes longer than this, in simulated ns, waits for something that never comes.
CALL_LIMIT_NS = 10 * NSEC_PER_SEC


class Emulation:
    """A machine that runs on an engine.

    Attributes:
        engine: the hardware.
        machine: the kernel.
        devices: the NICs as PCI devices, in the engine's order.
        observers: called with no arguments whenever the kernel has run, before time goes on.
    """

    def __init__(self, engine: Engine, costs: Costs, *, cpus: int = 1, seed: int = 0) -> None:
        self.engine = engine
        self.machine = Machine(engine.memory, costs, cpus=cpus, seed=seed)
        self.machine.now = engine.now
        vectors = engine.queues + 1 if engine.queues > 1 else 0
        self.devices = [PciDev(self.machine, nic, msix_vectors=vectors) for nic in range(engine.nics)]
        self.observers: list[Callable[[], None]] = []

    async def run_until(self, time_ns: int, done: Callable[[], bool] | None = None) -> None:
        """Let kernel and hardware take turns up to a time, or to a turn of the kernel after which ``done()`` holds.

        Raises:
            RunFailed: the driver broke a rule, or raised.
        """
        machine, engine = self.machine, self.engine
        now = engine.now
        while now < time_ns:
            try:
                requests = machine.run()
            except (Exception, RuleBroken) as error:
                failure = explain(error)
                if failure is None:
                    raise
                raise failure from error
            if requests:
                self._start(requests)
            if self.observers:
                self._show()
            if done is not None and done():
                return
            deadline = machine.deadline
            events = await engine.advance(deadline if deadline < time_ns else time_ns)
            machine.now = now = engine.now
            if events:
                self._take(events)

    async def run_for(self, ns: int) -> None:
        """Let hardware and kernel run for so long; raises what run_until raises."""
        await self.run_until(self.engine.now + ns)

    async def call(self, code: Coroutine[Any, Any, Result], comm: str = "napi-hil") -> Result:
        """Run kernel code as a thread, to its end; returns what it returns.

        Raises:
            RunFailed: it waits for something that never comes.
        """
        results: list[Result] = []

        async def thread() -> None:
            results.append(await code)

        task = self.machine.kthread_run(thread(), comm)
        await self.run_until(self.engine.now + CALL_LIMIT_NS, lambda: task.done)
        if not task.done:
            seconds = CALL_LIMIT_NS // NSEC_PER_SEC
            raise RunFailed(f"the thread {comm} still waits after {seconds} s of simulated time")
        return results[0]

    async def settle(self) -> None:
        """Let hardware and kernel run until the kernel has nothing to do but wait for timers and interrupts."""
        settled = False
        while not settled:
            await self.run_until(self.engine.now + CALL_LIMIT_NS, lambda: self.machine.idle)
            settled = self.machine.idle

    def _start(self, requests: Sequence[Request]) -> None:
        """Start accesses on the hardware."""
        for request in requests:
            if isinstance(request, MmioRead):
                self.engine.mmio_read(request.device, request.offset, request.tag)
            else:
                self.engine.mmio_write(request.device, request.offset, request.value)

    def _show(self) -> None:
        for observe in self.observers:
            observe()

    def _take(self, events: Sequence[Event]) -> None:
        """Tell the kernel what the hardware did."""
        for event in events:
            if isinstance(event, IrqChanged):
                self.machine.set_irq_level(event.nic, level=event.level)
            elif isinstance(event, VectorFired):
                self.machine.message(event.nic, event.vector)
            else:
                self.machine.complete_read(event.tag, event.value)
