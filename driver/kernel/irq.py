"""Interrupt lines, their handlers, and the flow of level- and edge-triggered interrupts (kernel/irq)."""

from __future__ import annotations

import enum
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from driver.kernel.cpu import spend, this_cpu
from driver.kernel.irq_spurious import Spurious
from driver.kernel.printk import printk_once
from driver.kernel.sched import check_cpu_mask
from driver.kernel.smp import call_function_single_interrupt
from driver.kernel.timer import usleep_range
from driver.kernel.trace import trace_irq_handler_entry, trace_irq_handler_exit

if TYPE_CHECKING:
    from driver.kernel.cpu import Code, Cpu
    from driver.kernel.machine import Machine

log = logging.getLogger(__name__)

IRQF_SHARED = 0x80


#: When a line interrupts (include/linux/irq.h): at a rising edge, as a message does (MSI), or while it is high.
IRQ_TYPE_EDGE_RISING = 1
IRQ_TYPE_LEVEL_HIGH = 4

EBUSY = 16
EINVAL = 22


class IrqReturn(enum.IntEnum):
    """What a handler says of an interrupt (include/linux/irqreturn.h)."""

    NONE = 0  #: not ours
    HANDLED = 1
    WAKE_THREAD = 2  #: the thread that goes with the handler shall do it; there are no such threads here yet


# A member costs a search through its class each time it is named.
_HANDLED, _WAKE_THREAD = int(IrqReturn.HANDLED), int(IrqReturn.WAKE_THREAD)

Handler = Callable[[int, object], Awaitable[IrqReturn]]


@dataclass(frozen=True, slots=True)
class IrqAction:
    """A handler on a line (struct irqaction)."""

    handler: Handler
    name: str
    dev_id: object
    flags: int

    @property
    def shared(self) -> bool:
        """Others may have the line, too."""
        return bool(self.flags & IRQF_SHARED)


@dataclass(slots=True)
class IrqDesc:
    """An interrupt line (struct irq_desc).

    Attributes:
        irq: its number.
        affinity: bit mask of the CPUs that may take it (smp_affinity).
        effective: the one of them that does (effective_affinity).
        edge: it interrupts at edges, not while it is high.
        chip: name of its controller.
        hwirq: its number there; None: the same.
        level: the line as the interrupt controller sees it; of an edge: that it has not been taken yet.
        in_progress: a CPU runs its handlers; the controller holds it back until then.
        pending: an edge came while its handlers ran, or while it was disabled (IRQS_PENDING).
        depth: how often it is disabled.
        counts: interrupts taken, by CPU (/proc/interrupts).
        irq_count: interrupts since it was last judged, those before the first unhandled one left out.
        irqs_unhandled: those of them that no handler owned; 100 ms without one begin anew.
        last_unhandled: when the last one was, in jiffies.
        spurious_disabled: it was taken off, since nobody handled it.
        poll_in_progress: its handlers run because it is polled.
    """

    irq: int
    counts: list[int]
    affinity: int
    effective: int = 0
    edge: bool = False
    chip: str = "IO-APIC"
    hwirq: int | None = None
    level: bool = False
    in_progress: bool = False
    pending: bool = False
    depth: int = 0
    irq_count: int = 0
    irqs_unhandled: int = 0
    last_unhandled: int | None = None
    spurious_disabled: bool = False
    poll_in_progress: bool = False
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
        self._spurious = Spurious(self)

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
        if desc.edge:
            if not level:
                return
            if desc.in_progress or desc.depth or not desc.actions:
                desc.pending = True
                return
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
                return self._handle_edge_irq(desc, cpu) if desc.edge else self._handle_fasteoi_irq(desc, cpu)
        return None

    async def _handle_fasteoi_irq(self, desc: IrqDesc, cpu: Cpu) -> None:
        """Run all handlers of a line, then let the controller look at it again (kernel/irq/chip.c).

        The line is a level: if the device still asserts it at the end, the interrupt is taken again at once.
        """
        costs = self.machine.costs
        cpu.irqs_disabled = True
        await spend(costs.irq_entry)
        desc.counts[cpu.id] += 1
        await self.handle_irq_event(desc)
        await spend(costs.irq_exit)
        cpu.irqs_disabled = False
        desc.in_progress = False
        if desc.effective != cpu.id:  # moved meanwhile
            self.machine.resched = True

    async def _handle_edge_irq(self, desc: IrqDesc, cpu: Cpu) -> None:
        """Run all handlers of a line, and again if another edge came meanwhile; that one is not counted."""
        costs = self.machine.costs
        self.asserted -= 1
        desc.level = False
        cpu.irqs_disabled = True
        await spend(costs.irq_entry)
        desc.counts[cpu.id] += 1
        await self.handle_irq_event(desc)
        while desc.pending and not desc.depth and desc.actions:
            desc.pending = False
            await self.handle_irq_event(desc, again=True)
        desc.in_progress = False
        await spend(costs.irq_exit)
        cpu.irqs_disabled = False

    async def handle_irq_event(self, desc: IrqDesc, *, again: bool = False) -> None:
        """Run all handlers of a line (kernel/irq/handle.c); ``again``: for an edge that came while they ran."""
        rules = self.machine.rules
        handled = 0
        for action in list(desc.actions):
            trace_irq_handler_entry(desc.irq, action)
            if rules is None:
                result: int = await action.handler(desc.irq, action.dev_id)
            else:
                result = await rules.interrupts.call(desc, action, again=again)
            trace_irq_handler_exit(desc.irq, result)
            if not this_cpu().irqs_disabled and not desc.poll_in_progress:
                self._enabled_interrupts(desc, action)
            if result == _WAKE_THREAD:
                text = "IRQ %d device %s returned IRQ_WAKE_THREAD but no thread function available."
                printk_once(self.machine, logging.WARNING, text, desc.irq, action.name)
            handled |= result
        if handled != _HANDLED or desc.irqs_unhandled:
            self._spurious.note_interrupt(desc, handled)

    def _enabled_interrupts(self, desc: IrqDesc, action: IrqAction) -> None:
        """A handler forgot that interrupts are off while it runs."""
        this_cpu().irqs_disabled = True
        text = "irq %d handler %s enabled interrupts"
        printk_once(self.machine, logging.WARNING, text, desc.irq, getattr(action.handler, "__qualname__", "?"))
        if self.machine.rules is not None:
            self.machine.rules.interrupts.enabled_interrupts(desc, action)


def request_irq(irq: int, handler: Handler, flags: int, name: str, dev_id: object) -> int:
    """Put a handler on a line. 0, or -EINVAL or -EBUSY as Linux would."""
    machine = this_cpu().machine
    desc = machine.irqs.desc(irq)
    action = IrqAction(handler, name, dev_id, flags)
    if machine.rules is not None:
        machine.rules.interrupts.request(desc, action)
    if action.shared and dev_id is None:
        return -EINVAL  # free_irq could not tell which handler is meant
    if desc.actions and not (action.shared and desc.actions[0].shared):
        old = desc.actions[0]
        log.error("Flags mismatch irq %d. %08x (%s) vs. %08x (%s)", irq, flags, name, old.flags, old.name)
        return -EBUSY
    desc.irq_count = desc.irqs_unhandled = 0
    if not desc.actions:
        desc.spurious_disabled = desc.pending = False
        desc.depth = 0
    elif desc.spurious_disabled:  # another chance
        desc.spurious_disabled = False
        desc.depth -= 1
    desc.actions.append(action)
    if machine.rules is not None:
        machine.rules.lifetime.irq_requested(desc, dev_id)
    machine.resched = True
    return 0


async def free_irq(irq: int, dev_id: object) -> None:
    """Take a handler off its line, once it is no longer running. Only in task context."""
    cpu = this_cpu()
    machine = cpu.machine
    desc = machine.irqs.desc(irq)
    rules = machine.rules
    if rules is not None:
        rules.lifetime.irq_freed()
    if cpu.in_interrupt:
        log.warning("Trying to free IRQ %d from IRQ context!", irq)
    action = next((action for action in desc.actions if action.dev_id is dev_id), None)
    if rules is not None:
        rules.interrupts.free(desc, action)
    if action is None:
        log.warning("Trying to free already-free IRQ %d", irq)
        return
    desc.actions = [other for other in desc.actions if other is not action]
    await synchronize_irq(irq)
    if rules is not None and action.shared:
        await rules.interrupts.call_freed(desc, action)  # CONFIG_DEBUG_SHIRQ


async def synchronize_irq(irq: int) -> None:
    """Wait until no CPU runs handlers of the line. Only in task context."""
    machine = this_cpu().machine
    if machine.rules is not None:
        machine.rules.mmio.waits(irq)
    desc = machine.irqs.desc(irq)
    while desc.in_progress:
        await usleep_range(1, 1)


def disable_irq_nosync(irq: int) -> None:
    """Keep the line from interrupting; nests."""
    this_cpu().machine.irqs.desc(irq).depth += 1


async def disable_irq(irq: int) -> None:
    """Keep the line from interrupting, and wait until no handler runs. Only in task context."""
    disable_irq_nosync(irq)
    await synchronize_irq(irq)


def enable_irq(irq: int) -> None:
    """Undo one disable_irq; a line that is high interrupts at once, and so does one that had an edge meanwhile."""
    machine = this_cpu().machine
    desc = machine.irqs.desc(irq)
    if not desc.depth:
        log.warning("Unbalanced enable for IRQ %d", irq)
        if machine.rules is not None:
            machine.rules.interrupts.unbalanced_enable(desc)
        return
    desc.depth -= 1
    if not desc.depth and desc.pending and not desc.in_progress:
        desc.pending = False
        machine.irqs.set_level(irq, level=True)  # check_irq_resend
    machine.resched = True


def irq_set_irq_type(machine: Machine, irq: int, flow_type: int) -> None:
    """Say when a line interrupts: IRQ_TYPE_*. Before anybody requests it."""
    machine.irqs.desc(irq).edge = flow_type == IRQ_TYPE_EDGE_RISING


def irq_set_affinity(machine: Machine, irq: int, mask: int) -> None:
    """Let one of the CPUs in a bit mask take the interrupts of a line from now on: the lowest.

    Raises:
        ValueError: the mask names no CPU, or one that is not there.
    """
    check_cpu_mask(machine, mask)
    desc = machine.irqs.desc(irq)
    desc.affinity, desc.effective = mask, (mask & -mask).bit_length() - 1
    machine.resched = True
