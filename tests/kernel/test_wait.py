"""Wait queues: who is woken by what, and timeouts in jiffies and in ns (kernel/sched/wait.c)."""

from __future__ import annotations

from driver.kernel.cpu import KTIME_MAX
from driver.kernel.sched import sleep_until_woken, wake_up_process
from driver.kernel.wait import (
    MAX_SCHEDULE_TIMEOUT,
    WaitQueueEntry,
    WaitQueueHead,
    autoremove_wait,
    current_task,
    schedule_hrtimeout_until,
    schedule_timeout,
)
from tests.kernel.support import Computer

MS = 1_000_000


class Sleepers:
    """Threads in a wait queue; who woke, in order."""

    def __init__(self, computer: Computer) -> None:
        self.woken: list[str] = []
        self.queue = WaitQueueHead()
        self._computer = computer

    def add(self, name: str, events: int = -1, *, exclusive: bool = False) -> None:
        async def sleep() -> None:
            self.queue.add(autoremove_wait(current_task(), events, exclusive=exclusive))
            await sleep_until_woken()
            self.woken.append(name)

        self._computer.spawn(sleep())
        self._computer.run(self._computer.machine.now)

    def wake(self, key: int = -1) -> list[str]:
        """Wake the queue from a thread; returns who woke."""
        self.woken.clear()

        async def wake() -> None:
            self.queue.wake_up(key)

        self._computer.spawn(wake())
        self._computer.run(self._computer.machine.now)
        return sorted(self.woken)


def test_all_are_woken_but_of_the_exclusive_only_the_first() -> None:
    sleepers = Sleepers(Computer())
    for name in ("x", "y"):
        sleepers.add(name, exclusive=True)
    for name in ("a", "b"):
        sleepers.add(name)
    assert sleepers.wake() == ["a", "b", "x"]
    assert sleepers.wake() == ["y"]
    assert sleepers.wake() == []


def test_an_event_wakes_only_who_waits_for_it() -> None:
    sleepers = Sleepers(Computer())
    sleepers.add("in", 1, exclusive=True)
    sleepers.add("out", 4, exclusive=True)
    assert sleepers.wake(4) == ["out"]
    assert sleepers.wake(4) == []
    assert sleepers.wake(5) == ["in"]


def test_an_entry_may_call_a_function_and_stays() -> None:
    keys: list[int] = []
    queue = WaitQueueHead()

    def note(_entry: WaitQueueEntry, key: int) -> bool:
        keys.append(key)
        return True

    entry = WaitQueueEntry(note)
    queue.add(entry)
    queue.wake_up(1)
    queue.wake_up(4)
    queue.remove(entry)
    queue.remove(entry)  # leaving twice does no harm
    queue.wake_up(1)
    assert keys == [1, 4]


def test_a_timeout_in_jiffies_ends_with_a_tick() -> None:
    computer = Computer()
    results: list[tuple[int, int]] = []

    async def sleeper() -> None:
        for jiffies in (3, 1):
            results.append((await schedule_timeout(jiffies), computer.machine.now))

    computer.run(MS // 2)
    computer.spawn(sleeper())
    computer.run(20 * MS)
    assert results == [(0, 3 * MS), (0, 4 * MS)]


def test_one_that_is_woken_before_has_time_left_and_no_timer() -> None:
    computer = Computer()
    left: list[int] = []

    async def sleeper() -> None:
        left.append(await schedule_timeout(10))
        left.append(await schedule_timeout(MAX_SCHEDULE_TIMEOUT))

    task = computer.machine.kthread_run(sleeper(), "sleeper")

    async def wake() -> None:
        wake_up_process(task)

    for time in (4 * MS, 6 * MS):
        computer.run(time)
        computer.spawn(wake())
    computer.run(7 * MS)
    assert left == [6, MAX_SCHEDULE_TIMEOUT]
    assert computer.machine.cpus[0].timers.deadline == KTIME_MAX


def test_a_timeout_in_ns_is_exact_and_says_whether_somebody_woke_it() -> None:
    computer = Computer()
    results: list[tuple[bool, int]] = []

    async def sleeper() -> None:
        for time in (1234, 100_000, KTIME_MAX, 0):
            results.append((await schedule_hrtimeout_until(time), computer.machine.now))

    task = computer.machine.kthread_run(sleeper(), "sleeper")

    async def wake() -> None:
        wake_up_process(task)

    for time in (5000, 300_000):
        computer.run(time)
        computer.spawn(wake())
    computer.run(MS)
    assert results == [(False, 1234), (True, 5000), (True, 300_000), (False, 300_000)]
