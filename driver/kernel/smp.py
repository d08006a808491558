"""Calls from one CPU to another by an interrupt between them (kernel/smp.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from driver.kernel.cpu import spend, this_cpu

if TYPE_CHECKING:
    from driver.kernel.cpu import Cpu

EBUSY = 16


class CallSingleData:
    """A call to make on another CPU, in hardirq context (call_single_data_t).

    Attributes:
        pending: it is on its way; one cannot be sent twice at the same time.
    """

    def __init__(self, function: Callable[[], None]) -> None:
        self.function = function
        self.pending = False


async def smp_call_function_single_async(cpu: Cpu, csd: CallSingleData) -> int:
    """Let a CPU call a function, and do not wait for it. 0, or -EBUSY if the last such call has not been made yet."""
    if csd.pending:
        return -EBUSY
    csd.pending = True
    await spend(this_cpu().machine.costs.ipi)
    machine = cpu.machine
    if not cpu.call_single_queue:  # otherwise the interrupt is under way
        machine.irqs.asserted += 1
        machine.resched = True
    cpu.call_single_queue.append(csd)
    return 0


async def call_function_single_interrupt(cpu: Cpu) -> None:
    """The interrupt: make the calls that are queued for this CPU (CAL in /proc/interrupts)."""
    costs, queue = cpu.machine.costs, cpu.call_single_queue
    cpu.machine.irqs.asserted -= 1
    calls, queue[:] = list(queue), []
    cpu.call_function_interrupts += 1
    await spend(costs.irq_entry)
    for csd in calls:
        csd.pending = False  # unlocked before the call: the function may send it again
        csd.function()
    await spend(costs.irq_exit)
