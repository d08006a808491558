"""Timers: jiffies, hrtimers and timer_list (kernel/time/hrtimer.c, kernel/time/timer.c)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from driver.kernel.cpu import KTIME_MAX, spend, this_cpu
from driver.kernel.sched import sleep_until_woken, wake_up_process
from driver.kernel.softirq import Vector, raise_softirq_irqoff

if TYPE_CHECKING:
    from driver.kernel.cpu import Cpu

NSEC_PER_SEC = 1_000_000_000
NSEC_PER_USEC = 1_000
NSEC_PER_MSEC = 1_000_000


class Hrtimer:
    """A one-shot timer whose function runs in hardirq context (struct hrtimer, CLOCK_MONOTONIC, pinned).

    Attributes:
        expires: when, in ns, if it is armed.
        base: the timers of the CPU that it is armed on; None when it is not.
    """

    def __init__(self, function: Callable[[], None]) -> None:
        self.function = function
        self.expires = KTIME_MAX
        self.base: TimerBase | None = None

    def start(self, delay_ns: int) -> None:
        """hrtimer_start(HRTIMER_MODE_REL_PINNED): arm it on this CPU, relative to now."""
        self.cancel()
        cpu = this_cpu()
        self.expires = cpu.machine.now + delay_ns
        self.base = cpu.timers
        self.base.enqueue(self)

    def cancel(self) -> bool:
        """hrtimer_cancel: whether it was armed."""
        if self.base is None:
            return False
        self.base.remove(self)
        self.base = None
        return True


class TimerList:
    """A timer of jiffy resolution whose function runs in the TIMER softirq (struct timer_list)."""

    def __init__(self, function: Callable[[TimerList], Awaitable[None]]) -> None:
        self.function = function
        self.expires: int | None = None  # in jiffies; None when it is not pending
        self._tick = Hrtimer(self._expire)

    def mod(self, expires: int) -> None:
        """mod_timer: (re)arm it for a time in jiffies."""
        machine = this_cpu().machine
        if machine.rules is not None:
            machine.rules.lifetime.timer_armed(self)
        self.expires = max(expires, machine.jiffies + 1)
        self._tick.start(machine.jiffies_to_ns(self.expires) - machine.now)

    def delete(self) -> bool:
        """timer_delete: whether it was pending."""
        was_pending = self.expires is not None
        self.expires = None
        self._tick.cancel()
        return was_pending

    def _expire(self) -> None:
        this_cpu().timers.expired.append(self)
        raise_softirq_irqoff(Vector.TIMER)


class TimerBase:
    """The timers of one CPU.

    Attributes:
        armed: hrtimers by expiry, then by age; a few at most.
        deadline: when the first of them expires; KTIME_MAX for never.
        expired: timer_lists whose functions are to run.
        interrupts: timer interrupts taken (LOC in /proc/interrupts).
    """

    def __init__(self, cpu: Cpu) -> None:
        self.cpu = cpu
        self.armed: list[Hrtimer] = []
        self.deadline = KTIME_MAX
        self.expired: list[TimerList] = []
        self.interrupts = 0

    def enqueue(self, timer: Hrtimer) -> None:
        """Arm a timer."""
        self.armed.append(timer)
        self.armed.sort(key=lambda armed: armed.expires)
        self.deadline = self.armed[0].expires

    def remove(self, timer: Hrtimer) -> None:
        """A timer that is armed is not any more."""
        self.armed.remove(timer)
        self.deadline = self.armed[0].expires if self.armed else KTIME_MAX

    @property
    def due(self) -> bool:
        """Whether the CPU's timer interrupt is pending."""
        return self.deadline <= self.cpu.machine.now

    async def hrtimer_interrupt(self) -> None:
        """The CPU's timer interrupt: run what has expired."""
        costs = self.cpu.machine.costs
        self.interrupts += 1
        await spend(costs.irq_entry)
        while self.due:
            timer = self.armed[0]
            timer.cancel()
            timer.function()
        await spend(costs.irq_exit)


async def run_timer_softirq() -> None:
    """TIMER_SOFTIRQ: run the functions of expired timer_lists."""
    base = this_cpu().timers
    while base.expired:
        timer = base.expired.pop(0)
        if timer.expires is not None:  # not deleted since
            timer.expires = None
            await timer.function(timer)


async def usleep_range(min_us: int, _max_us: int) -> None:
    """Sleep; the model always takes the lower bound. Only in task context."""
    await schedule_hrtimeout(min_us * NSEC_PER_USEC)


async def msleep(ms: int) -> None:
    """Sleep for at least so many milliseconds. Only in task context."""
    await schedule_hrtimeout(ms * NSEC_PER_MSEC)


async def schedule_hrtimeout(ns: int) -> None:
    """Sleep for so many ns. Only in task context."""
    task = this_cpu().current
    if task is None:
        await sleep_until_woken()  # only a task can sleep: that says so
        return
    if task.cpu.machine.rules is not None:
        task.cpu.machine.rules.mmio.waits()
    awake = False

    def expire() -> None:
        nonlocal awake
        awake = True
        wake_up_process(task)

    Hrtimer(expire).start(ns)
    while not awake:
        await sleep_until_woken()
