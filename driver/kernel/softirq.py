"""Softirqs: raising, handle_softirqs with its limits, ksoftirqd (kernel/softirq.c)."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from driver.kernel.cpu import Trap, spend, this_cpu, trap
from driver.kernel.sched import cond_resched, sleep_until_woken, wake_up_process
from driver.kernel.trace import trace_softirq_entry, trace_softirq_exit, trace_softirq_raise

if TYPE_CHECKING:
    from driver.kernel.machine import Machine

#: Passes of one handle_softirqs; tested after a decrement, so 10 passes are 9 restarts.
MAX_SOFTIRQ_RESTART = 10

#: Time limit of one handle_softirqs in ms; rounded up to jiffies, as msecs_to_jiffies does.
MAX_SOFTIRQ_TIME_MS = 2


class Vector(enum.IntEnum):
    """Softirq vectors; lower ones run first (include/linux/interrupt.h)."""

    HI = 0
    TIMER = 1
    NET_TX = 2
    NET_RX = 3
    BLOCK = 4
    IRQ_POLL = 5
    TASKLET = 6
    SCHED = 7
    HRTIMER = 8
    RCU = 9


Action = Callable[[], Awaitable[None]]


class Softirqs:
    """The vectors of a machine and what they run."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.actions: dict[Vector, Action] = {}

    def open_softirq(self, vector: Vector, action: Action) -> None:
        """Register what a vector runs."""
        self.actions[vector] = action
        self.actions = dict(sorted(self.actions.items()))  # the order in which they run

    async def handle_softirqs(self) -> None:
        """Run pending softirqs, and what they raise, until a limit hands the rest to ksoftirqd."""
        machine = self.machine
        cpu = this_cpu()
        end = machine.jiffies + machine.msecs_to_jiffies(MAX_SOFTIRQ_TIME_MS)
        cpu.serving_softirq = True
        for passes_left in reversed(range(MAX_SOFTIRQ_RESTART)):
            pending, cpu.softirq_pending = cpu.softirq_pending, 0
            await spend(machine.costs.softirq)
            for vector, action in self.actions.items():
                if pending >> vector & 1:
                    cpu.softirq_counts[vector] += 1
                    trace_softirq_entry(vector)
                    await action()
                    trace_softirq_exit(vector)
            if not cpu.softirq_pending:
                break
            if machine.jiffies >= end or cpu.need_resched or not passes_left:
                wakeup_softirqd()
                break
        cpu.serving_softirq = False

    async def run_ksoftirqd(self) -> None:
        """The thread ksoftirqd/N: the same limits, but it shares the CPU with other threads."""
        while True:
            while not this_cpu().softirq_pending:
                await sleep_until_woken()
            await self.handle_softirqs()
            await cond_resched()


def raise_softirq_irqoff(vector: Vector) -> None:
    """Mark a softirq pending on this CPU; in task context nobody would look soon, so ksoftirqd is woken."""
    cpu = this_cpu()
    trace_softirq_raise(vector)
    cpu.softirq_pending |= 1 << vector
    if not cpu.in_interrupt:
        wakeup_softirqd()


def wakeup_softirqd() -> None:
    """Wake this CPU's ksoftirqd."""
    wake_up_process(this_cpu().ksoftirqd)


def local_bh_disable() -> None:
    """Keep softirqs off this CPU."""
    this_cpu().bh_disabled += 1


async def local_bh_enable() -> None:
    """Allow softirqs again; those that came up run now."""
    cpu = this_cpu()
    cpu.bh_disabled -= 1
    if cpu.softirq_pending and not cpu.in_interrupt:
        await trap(Trap.SOFTIRQS)
