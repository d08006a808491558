"""Wait queues: tasks that wait for something, and whoever is to be told when it happens (kernel/sched/wait.c).

Code between two awaits is atomic, so a task that finds its condition false and then goes to sleep misses no wake-up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from driver.kernel.cpu import KTIME_MAX, this_cpu
from driver.kernel.sched import sleep_until_woken, wake_up_process
from driver.kernel.timer import Hrtimer, TimerList

if TYPE_CHECKING:
    from driver.kernel.sched import Task

#: A timeout in jiffies that never ends (include/linux/sched.h).
MAX_SCHEDULE_TIMEOUT = KTIME_MAX

#: Called with what happened, as a poll mask, when the queue is woken; whether that woke a sleeper.
WakeFunction = Callable[["WaitQueueEntry", int], bool]

#: Anything, as a poll mask.
POLL_ANY = -1


class WaitQueueEntry:
    """Somebody in a wait queue (struct wait_queue_entry).

    Attributes:
        exclusive: if waking it succeeds, those behind it are left asleep.
        queue: where it is; None when it is not in a queue.
    """

    __slots__ = ("exclusive", "function", "queue")

    def __init__(self, function: WakeFunction, *, exclusive: bool = False) -> None:
        self.function = function
        self.exclusive = exclusive
        self.queue: WaitQueueHead | None = None


class WaitQueueHead:
    """A wait queue (struct wait_queue_head)."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: list[WaitQueueEntry] = []

    def add(self, entry: WaitQueueEntry) -> None:
        """Enter it: the exclusive behind all others, in order; the others in front (add_wait_queue)."""
        entry.queue = self
        self._entries.insert(len(self._entries) if entry.exclusive else 0, entry)

    def remove(self, entry: WaitQueueEntry) -> None:
        """Leave it, unless the wake-up has seen to that (finish_wait)."""
        if entry.queue is self:
            self._entries.remove(entry)
            entry.queue = None

    def wake_up(self, key: int = POLL_ANY) -> None:
        """Tell everybody what happened, up to the first exclusive one that was asleep (wake_up_poll)."""
        for entry in list(self._entries):
            if entry.function(entry, key) and entry.exclusive:
                return


def autoremove_wait(task: Task, events: int = POLL_ANY, *, exclusive: bool = False) -> WaitQueueEntry:
    """An entry that wakes a task when one of these events happens, and then leaves the queue (DEFINE_WAIT)."""

    def wake(entry: WaitQueueEntry, key: int) -> bool:
        woken = bool(key & events) and wake_up_process(task)
        if woken and entry.queue is not None:
            entry.queue.remove(entry)
        return woken

    return WaitQueueEntry(wake, exclusive=exclusive)


def current_task() -> Task:
    """The task that runs the present code; it may sleep."""
    task = this_cpu().current
    assert task is not None, "only a task can wait"
    return task


async def schedule_timeout(jiffies: int) -> int:
    """Sleep until somebody wakes the current task, for so many jiffies at most; returns how many are left, 0 if none.

    The caller has entered a wait queue before.
    """
    if jiffies == MAX_SCHEDULE_TIMEOUT:
        await sleep_until_woken()
        return jiffies
    task = current_task()

    async def process_timeout(_timer: TimerList) -> None:
        wake_up_process(task)

    machine = task.cpu.machine
    expires = machine.jiffies + jiffies
    timer = TimerList(process_timeout)
    timer.mod(expires)
    await sleep_until_woken()
    timer.delete()
    return max(0, expires - machine.jiffies)


async def schedule_hrtimeout_until(time_ns: int) -> bool:
    """Sleep until somebody wakes the current task, or until a time; true if somebody did (schedule_hrtimeout_range)."""
    if time_ns == KTIME_MAX:
        await sleep_until_woken()
        return True
    task = current_task()
    expired = False

    def expire() -> None:
        nonlocal expired
        expired = True
        wake_up_process(task)

    timer = Hrtimer(expire)
    timer.start(max(0, time_ns - task.cpu.machine.now))
    await sleep_until_woken()
    timer.cancel()
    return not expired
