"""Interrupt lines, their handlers, and the flow of a level-triggered interrupt (kernel/irq)."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from driver.kernel.cpu import spend, this_cpu
from driver.kernel.sched import check_cpu_mask
from driver.kernel.smp import call_function_single_interrupt
from driver.kernel.timer import usleep_range
from driver.kernel.trace import trace_irq_handler_entry, trace_irq_handler_exit

if TYPE_CHECKING:
    from driver.kernel.cpu import Code, Cpu
    from driver.kernel.machine import Machine

IRQF_SHARED = 0x80


class IrqReturn(enum.IntEnum):
    """What a handler says of an interrupt (include/linux/irqreturn.h)."""

    NONE = 0  #: not ours
    HANDLED = 1


Handler = Callable[[int, object], Awaitable[IrqReturn]]


@dataclass(frozen=True, slots=True)
class IrqAction:
    """A handler on a line (struct irqaction)."""

    handler: Handler
    name: str
    dev_id: object
    flags: int


@dataclass(slots=True)
class IrqDesc:
    """An interrupt line (struct irq_desc).

    Attributes:
        irq: its number.
        affinity: bit mask of the CPUs that may take it (smp_affinity).
        effective: the one of them that does (effective_affinity).
        level: the line as the interrupt controller sees it.
        in_progress: a CPU runs its handlers; the controller holds it back until then.
        depth: how often it is disabled.
        counts: interrupts taken, by CPU (/proc/interrupts).
        unhandled: interrupts that no handler owned.
    """

    irq: int
    counts: list[int]
    affinity: int
    effective: int = 0
    level: bool = False
    in_progress: bool = False
    depth: int = 0
    unhandled: int = 0
    actions: list[IrqAction] = field(default_factory=list)


class Irqs:
    """All lines of a machine.

    Attributes:
        descs: the lines by number, lowest first.
        asserted: how many of them are high, and CPUs that others want to call; while there is none, nobody need look.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.descs: dict[int, IrqDesc] = {}
        self.asserted = 0

    def desc(self, irq: int) -> IrqDesc:
        """The line of this number; made on first use."""
        if irq not in self.descs:
            cpus = len(self.machine.cpus)
            self.descs[irq] = IrqDesc(irq, counts=[0] * cpus, affinity=(1 << cpus) - 1)
            self.descs = dict(sorted(self.descs.items()))  # the controller's priority: lowest first
        return self.descs[irq]

    def set_level(self, irq: int, *, level: bool) -> None:
        """The line changed, as the interrupt controller sees it."""
        desc = self.desc(irq)
        self.asserted += level - desc.level
        desc.level = level

    def take(self, cpu: Cpu) -> Code | None:
        """The code of the interrupt that this CPU must take now, if any: calls, its timer, then the lowest line."""
        if cpu.call_single_queue:
            return call_function_single_interrupt(cpu)
        if cpu.timers.due:
            return cpu.timers.hrtimer_interrupt()
        for desc in self.descs.values():
            if desc.level and not desc.in_progress and not desc.depth and desc.actions and desc.effective == cpu.id:
                desc.in_progress = True
                return self._handle_fasteoi_irq(desc, cpu)
        return None

    async def _handle_fasteoi_irq(self, desc: IrqDesc, cpu: Cpu) -> None:
        """Run all handlers of a line, then let the controller look at it again (kernel/irq/chip.c).

        The line is a level: if the device still asserts it at the end, the interrupt is taken again at once.
        """
        costs = self.machine.costs
        await spend(costs.irq_entry)
        desc.counts[cpu.id] += 1
        handled = 0
        for action in list(desc.actions):
            trace_irq_handler_entry(desc.irq, action)
            result = await action.handler(desc.irq, action.dev_id)
            trace_irq_handler_exit(desc.irq, result)
            handled |= result
        if not handled:
            desc.unhandled += 1
        await spend(costs.irq_exit)
        desc.in_progress = False
        if desc.effective != cpu.id:  # moved meanwhile
            self.machine.resched = True


def request_irq(irq: int, handler: Handler, flags: int, name: str, dev_id: object) -> int:
    """Put a handler on a line. 0, or -EINVAL or -EBUSY as Linux would."""
    desc = this_cpu().machine.irqs.desc(irq)
    if flags & IRQF_SHARED and dev_id is None:
        return -22  # EINVAL: free_irq could not tell which handler is meant
    if desc.actions and not (flags & IRQF_SHARED and desc.actions[0].flags & IRQF_SHARED):
        return -16  # EBUSY
    desc.actions.append(IrqAction(handler, name, dev_id, flags))
    rules = this_cpu().machine.rules
    if rules is not None:
        rules.lifetime.irq_requested(desc, dev_id)
    return 0


async def free_irq(irq: int, dev_id: object) -> None:
    """Take a handler off its line, once it is no longer running."""
    machine = this_cpu().machine
    if machine.rules is not None:
        machine.rules.lifetime.irq_freed()
    desc = machine.irqs.desc(irq)
    desc.actions = [action for action in desc.actions if action.dev_id is not dev_id]
    await synchronize_irq(irq)


async def synchronize_irq(irq: int) -> None:
    """Wait until no CPU runs handlers of the line. Only in task context."""
    desc = this_cpu().machine.irqs.desc(irq)
    while desc.in_progress:
        await usleep_range(1, 1)


def disable_irq_nosync(irq: int) -> None:
    """Keep the line from interrupting; nests."""
    this_cpu().machine.irqs.desc(irq).depth += 1


def enable_irq(irq: int) -> None:
    """Undo one disable_irq_nosync; a line that is high interrupts at once."""
    machine = this_cpu().machine
    machine.irqs.desc(irq).depth -= 1
    machine.resched = True


def irq_set_affinity(machine: Machine, irq: int, mask: int) -> None:
    """Let one of the CPUs in a bit mask take the interrupts of a line from now on: the lowest.

    Raises:
        ValueError: the mask names no CPU, or one that is not there.
    """
    check_cpu_mask(machine, mask)
    desc = machine.irqs.desc(irq)
    desc.affinity, desc.effective = mask, (mask & -mask).bit_length() - 1
    machine.resched = True
