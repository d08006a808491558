"""Tasks and the run queue of a CPU: fair by virtual run time, with time slices (kernel/sched/fair.c).

Also what tasks do: sleep, wake each other, and yield.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel.cpu import Account, Code, Context, Level, Trap, this_cpu, trap

if TYPE_CHECKING:
    from driver.kernel.cpu import Cpu

#: How long a task runs while others wait: sysctl_sched_base_slice of one CPU, 0.7 ms (kernel/sched/fair.c), which a
#: tick at HZ=1000 rounds up.
SLICE_NS = 1_000_000


class Task:
    """A thread of execution in task context (struct task_struct)."""

    def __init__(self, cpu: Cpu, pid: int, comm: str, code: Code, account: Account = Account.USER) -> None:
        self.cpu = cpu
        self.pid = pid
        self.comm = comm
        self.context = Context(Level.TASK, account, code)
        self.vruntime = 0
        self.switched_in_at = 0
        self.sleeping = False
        self.done = False
        self._wake_pending = False  # woken while it was still on its way to sleep
        self._just_woken = True

    def switch_in_cost(self) -> int:
        """Ns that the switch to this task takes; the price of the wake-up is booked to the task that it woke."""
        costs = self.cpu.machine.costs
        cost = costs.context_switch + (costs.wakeup if self._just_woken else 0)
        self._just_woken = False
        return cost

    def wake(self) -> bool:
        """Make it runnable (wake_up_process); False if it was."""
        if self.done:
            return False
        if not self.sleeping:
            self._wake_pending = self is self.cpu.current
            return False
        self.sleeping = False
        self._just_woken = True
        self.cpu.runqueue.enqueue(self)
        return True

    def consume_wake(self) -> bool:
        """Whether a wake-up came before the sleep that it was meant for."""
        pending, self._wake_pending = self._wake_pending, False
        return pending


class RunQueue:
    """Runnable tasks of one CPU other than the one that runs (struct cfs_rq)."""

    def __init__(self, cpu: Cpu) -> None:
        self.cpu = cpu
        self.waiting: list[Task] = []
        self.min_vruntime = 0

    def enqueue(self, task: Task) -> None:
        """Add a task that woke; it gets no credit for the time it slept."""
        task.vruntime = max(task.vruntime, self.min_vruntime)
        self.waiting.append(task)
        self.cpu.machine.resched = True

    def put_prev(self, task: Task, *, runnable: bool) -> None:
        """The task leaves the CPU."""
        self.min_vruntime = max(self.min_vruntime, task.vruntime)
        if runnable:
            self.waiting.append(task)
        elif not task.sleeping:
            task.done = True

    def pick_next(self) -> Task | None:
        """Take the task that ran least; among equals, the one that waits longest."""
        if not self.waiting:
            return None
        task = min(self.waiting, key=lambda waiting: waiting.vruntime)
        self.waiting.remove(task)
        task.switched_in_at = self.cpu.machine.now
        return task

    def should_preempt(self, current: Task | None) -> bool:
        """Whether a waiting task should have the CPU instead of the current one."""
        if not self.waiting:
            return False
        return current is None or self.cpu.machine.now >= self.slice_end(current)

    def slice_end(self, current: Task) -> int:
        """When the current task's time slice is over."""
        return current.switched_in_at + SLICE_NS


def wake_up_process(task: Task) -> bool:
    """Make a sleeping task runnable; False if it was."""
    return task.wake()


async def sleep_until_woken() -> None:
    """Set the current task to TASK_INTERRUPTIBLE and call schedule()."""
    task = this_cpu().current
    assert task is not None
    if task.consume_wake():
        return
    task.sleeping = True
    await trap(Trap.SLEEP)


async def cond_resched() -> None:
    """Let another task run if it is its turn."""
    await trap(Trap.YIELD)
