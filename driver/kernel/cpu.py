"""CPUs: a stack of contexts each (task < softirq < hardirq), preemption, and the account of every nanosecond.

Kernel and driver code are coroutines. They run in no time until they await one of the primitives of this file, which
traps into the CPU that runs them: to spend time, to stall on the bus, to sleep, or to run softirqs.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from driver.kernel.machine import Machine
    from driver.kernel.net.dev import SoftnetData
    from driver.kernel.sched import RunQueue, Task
    from driver.kernel.smp import CallSingleData
    from driver.kernel.timer import TimerBase

Code = Coroutine[Any, Any, Any]

#: A time in ns that never comes (include/vdso/ktime.h).
KTIME_MAX = (1 << 63) - 1


class Level(enum.IntEnum):
    """What a context is; a higher one preempts a lower one."""

    TASK = 0
    SOFTIRQ = 1
    HARDIRQ = 2


TASK, SOFTIRQ, HARDIRQ = Level  # a member costs a search through its class each time it is named


class Account(enum.IntEnum):
    """What a CPU's time is booked to."""

    IDLE = 0
    USER = 1  #: tasks other than ksoftirqd
    KSOFTIRQD = 2
    SOFTIRQ = 3  #: softirqs at the end of an interrupt or at local_bh_enable
    HARDIRQ = 4


class Stall(NamedTuple):
    """Trap: an MMIO read, for which the CPU waits without taking interrupts."""

    device: int
    offset: int


class Trap(enum.Enum):
    """Traps without an argument; a trap that is an int is CPU time to spend, in ns."""

    SLEEP = enum.auto()  #: the task waits until somebody wakes it
    YIELD = enum.auto()  #: let another task run if it is its turn (cond_resched)
    SOFTIRQS = enum.auto()  #: run pending softirqs on top of this task


@types.coroutine
def trap(request: int | Stall | Trap) -> Generator[int | Stall | Trap, Any, Any]:
    """Hand a request to the CPU that runs this code; returns when it is fulfilled."""
    return (yield request)


@types.coroutine
def spend(ns: int) -> Generator[int, Any, None]:
    """Use the CPU for so long; whatever has a higher level may interrupt."""
    if ns > 0:
        yield ns


async def cpu_relax() -> None:
    """One round of a loop that waits for something to change; it always takes time, or time would stand still."""
    await spend(this_cpu().machine.costs.cpu_relax or 1)


class Context:
    """Code on a CPU's stack.

    Attributes:
        remaining: ns still to spend when it gets the CPU back.
        ends_at: when that is over, if nothing interrupts; KTIME_MAX while it stalls. For the topmost context only.
        stalled: it waits for an MMIO read.
        result: of its last MMIO read.
    """

    __slots__ = ("account", "code", "ends_at", "level", "remaining", "result", "stalled")

    def __init__(self, level: Level, account: Account, code: Code) -> None:
        self.level = level
        self.account = account
        self.code = code
        self.remaining = 0
        self.ends_at = 0
        self.stalled = False
        self.result: object = None


def local_irq_disable() -> None:
    """Keep interrupts off this CPU (include/linux/irqflags.h)."""
    this_cpu().irqs_disabled = True


def local_irq_enable() -> None:
    """Allow interrupts again. Handlers of devices must not."""
    this_cpu().irqs_disabled = False


_running: Cpu | None = None


def running() -> Cpu | None:
    """The CPU that runs the present code; None outside kernel code."""
    return _running


def this_cpu() -> Cpu:
    """The CPU that runs the present code, as smp_processor_id().

    Raises:
        RuntimeError: called from outside kernel code.
    """
    if _running is None:
        raise RuntimeError("no CPU is running: call this from kernel or driver code, in a task or an interrupt")
    return _running


class Cpu:
    """One processor.

    Attributes:
        id: its number.
        time: ns booked to each Account, up to ``accounted_at``.
        softirq_pending: bit mask of raised softirq vectors.
        softirq_counts: executions of each vector (/proc/softirqs).
        bh_disabled: depth of local_bh_disable.
        irqs_disabled: local_irq_disable was called, or a device's interrupt handler runs.
        serving_softirq: handle_softirqs is running, as a softirq or in ksoftirqd.
        current: the task on the CPU; None is the idle task.
        call_single_queue: calls that other CPUs want it to make.
        call_function_interrupts: interrupts that brought such calls.
    """

    softnet: SoftnetData
    timers: TimerBase
    runqueue: RunQueue
    ksoftirqd: Task

    def __init__(self, machine: Machine, number: int) -> None:
        self.machine = machine
        self.id = number
        self.stack: list[Context] = []
        self.time = [0] * len(Account)
        self.accounted_at = machine.now
        self.softirq_pending = 0
        self.softirq_counts = [0] * 10
        self.bh_disabled = 0
        self.irqs_disabled = False
        self.serving_softirq = False
        self.current: Task | None = None
        self.call_single_queue: list[CallSingleData] = []
        self.call_function_interrupts = 0

    # --- what code may ask ---------------------------------------------------------------------------------------

    @property
    def level(self) -> Level | None:
        """Level of the running context; None when idle."""
        return self.stack[-1].level if self.stack else None

    @property
    def in_interrupt(self) -> bool:
        """Whether a hardirq or a softirq runs here, or softirqs are disabled."""
        return self.serving_softirq or self.bh_disabled > 0 or self.in_hardirq

    @property
    def in_hardirq(self) -> bool:
        """In a hardirq handler; they do not nest, so it would be the topmost context."""
        return bool(self.stack) and self.stack[-1].level is HARDIRQ

    @property
    def need_resched(self) -> bool:
        """Another task should have the CPU (TIF_NEED_RESCHED)."""
        runqueue = self.runqueue
        if not runqueue.waiting:
            return runqueue.forced
        if self.current is None or runqueue.forced:
            return True
        # Under an interrupt its slice stands still.
        return len(self.stack) == 1 and runqueue.resched_at <= self.machine.now

    @property
    def idle(self) -> bool:
        """Nothing runs here and nothing could; or a busy poller runs alone and finds nothing."""
        if self.runqueue.waiting or self.softirq_pending or self.call_single_queue:
            return False
        return not self.stack or (len(self.stack) == 1 and self.current is not None and self.current.busy_polling)

    def describe(self) -> str:
        """What runs here, for people."""
        task = f"{self.current.comm}-{self.current.pid}" if self.current else "<idle>"
        if self.in_hardirq:
            return f"CPU {self.id}, hardirq on top of {task}"
        if self.serving_softirq:
            thread = self.current is not None and self.current.context.account is Account.KSOFTIRQD
            return f"CPU {self.id}, softirq {'in' if thread else 'on top of'} {task}"
        return f"CPU {self.id}, task {task}"

    # --- running -------------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Run all that can run here at the present instant.

        Returns:
            When something happens here by itself, in ns; KTIME_MAX if nothing does.
        """
        global _running  # noqa: PLW0603 - as the per-CPU register that holds `current`
        _running = self
        machine, timers, stack, runqueue = self.machine, self.timers, self.stack, self.runqueue
        now, irqs = machine.now, machine.irqs
        try:
            while True:
                if (irqs.asserted or timers.deadline <= now) and self._take_interrupt():
                    continue
                if not stack:
                    if not self._schedule():
                        return timers.deadline
                    continue
                top = stack[-1]
                ends_at = top.ends_at
                if ends_at <= now:
                    try:
                        request = top.code.send(top.result)
                    except StopIteration:
                        self._finish(top)
                        continue
                    if type(request) is int:
                        top.ends_at = now + request
                    else:
                        self._trap(top, request)
                    continue
                if top.level is TASK and runqueue.resched_at < KTIME_MAX and self._preemptible:
                    if runqueue.resched_at <= now and self._preempt():
                        continue
                    ends_at = min(ends_at, runqueue.resched_at)
                timer = timers.deadline
                if timer < ends_at and timer > now:  # one that is due waits for its CPU
                    return timer
                return ends_at
        finally:
            _running = None

    def resume(self, value: int) -> None:
        """The MMIO read for which this CPU stalls came back."""
        top = self.stack[-1]
        top.stalled = False
        top.ends_at = self.machine.now
        top.result = value

    def account(self) -> None:
        """Book the time since the last call to what ran."""
        elapsed = self.machine.now - self.accounted_at
        if elapsed:
            self.time[self.stack[-1].account if self.stack else Account.IDLE] += elapsed
            if len(self.stack) == 1 and self.current is not None:
                self.current.sum_exec_runtime += elapsed
                self.current.vruntime += self.current.virtual(elapsed)
            self.accounted_at = self.machine.now

    def _trap(self, context: Context, request: Stall | Trap) -> None:
        """A context's code asks for something else than time."""
        if type(request) is Stall:
            context.stalled = True
            context.ends_at = KTIME_MAX
            self.machine.start_read(self, request)
        elif request is Trap.SOFTIRQS:
            self._push_softirqs()
        elif request is Trap.SLEEP:
            self._switch_out(runnable=False)
        elif self.need_resched:
            self._preempt()

    def _finish(self, context: Context) -> None:
        """A context's code came to its end."""
        if context.level is TASK:
            self._switch_out(runnable=False)
            return
        self._pop()
        if context.level is HARDIRQ and self.softirq_pending and not self.in_interrupt:
            self._push_softirqs()  # irq_exit: __irq_exit_rcu in kernel/softirq.c

    def _take_interrupt(self) -> bool:
        """Take an interrupt, if one is pending and may interrupt what runs."""
        if self.irqs_disabled or (self.stack and (self.stack[-1].level is HARDIRQ or self.stack[-1].stalled)):
            return False
        handler = self.machine.irqs.take(self)
        if handler is None:
            return False
        self._push(Context(HARDIRQ, Account.HARDIRQ, handler))
        return True

    def _push(self, context: Context) -> None:
        self.account()
        if self.stack:
            below = self.stack[-1]
            below.remaining = max(below.ends_at - self.machine.now, 0)
        self.stack.append(context)

    def _pop(self) -> None:
        self.account()
        self.stack.pop()
        if self.stack:
            below = self.stack[-1]
            below.ends_at = self.machine.now + below.remaining
            if below.level is TASK and self.runqueue.waiting:
                self.runqueue.update_resched()

    def _push_softirqs(self) -> None:
        self.serving_softirq = True  # at once: an interrupt may come before the code has begun
        self._push(Context(SOFTIRQ, Account.SOFTIRQ, self.machine.softirqs.handle_softirqs()))

    # --- tasks ---------------------------------------------------------------------------------------------------

    @property
    def _preemptible(self) -> bool:
        """Whether another task could have the CPU now, while a task has it."""
        return not (self.stack[-1].stalled or self.irqs_disabled or self.in_interrupt)

    def _preempt(self) -> bool:
        """Take the CPU from the task that has it, if it is another's turn."""
        assert self.current is not None
        if not self.runqueue.should_leave(self.current):
            return False
        self._switch_out(runnable=True)
        return True

    def _switch_out(self, *, runnable: bool) -> None:
        task = self.current
        assert task is not None
        context = self.stack[-1]
        context.remaining = max(context.ends_at - self.machine.now, 0)
        self.account()
        self.stack.pop()
        self.irqs_disabled = False  # schedule() enables them
        self.current = None
        self.runqueue.put_prev(task, runnable=runnable)

    def _schedule(self) -> bool:
        """Give the idle CPU to a task; False if there is none."""
        task = self.runqueue.pick_next()
        if task is None and len(self.machine.cpus) > 1:
            task = self.runqueue.pull()
        if task is None:
            return False
        self.account()
        self.current = task
        context = task.context
        context.remaining += task.switch_in_cost()
        context.ends_at = self.machine.now + context.remaining
        self.stack.append(context)
        self.runqueue.update_resched()
        return True
