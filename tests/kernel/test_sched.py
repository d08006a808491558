"""Tasks: sleeping and waking, shares by nice level, time slices, preemption at wake-up, and several CPUs."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driver.kernel.cpu import spend, this_cpu
from driver.kernel.sched import (
    BASE_SLICE_NS,
    PRIO_TO_WEIGHT,
    Task,
    kthread_bind,
    set_cpus_allowed,
    set_user_nice,
    sleep_until_woken,
    wake_up_process,
)
from driver.kernel.softirq import Vector, local_bh_disable, raise_softirq_irqoff
from driver.kernel.sysctl import Sysctl
from driver.kernel.timer import usleep_range
from tests.kernel.support import Computer

MS = 1_000_000


async def hog() -> None:
    """A compute-bound thread."""
    while True:
        await spend(10_000)


def start_hogs(computer: Computer, count: int, cpu: int | None = None) -> list[Task]:
    machine = computer.machine
    where = None if cpu is None else machine.cpus[cpu]
    return [machine.kthread_run(hog(), f"hog{number}", where) for number in range(count)]


def run_times(computer: Computer, tasks: list[Task]) -> list[int]:
    """How long each of them ran so far, in ns."""
    for cpu in computer.machine.cpus:
        cpu.account()
    return [task.sum_exec_runtime for task in tasks]


def test_two_busy_threads_take_turns_at_the_ticks() -> None:
    computer = Computer()
    turns: list[tuple[str, int]] = []

    async def busy(name: str) -> None:
        for _ in range(100):
            await spend(100_000)
            if not turns or turns[-1][0] != name:
                turns.append((name, computer.machine.now))

    computer.spawn(busy("a"))
    computer.spawn(busy("b"))
    computer.run(30 * MS)
    assert [name for name, _ in turns] == ["a", "b"] * 10
    assert turns[:3] == [("a", 100_000), ("b", MS + 100_000), ("a", 2 * MS + 100_000)]


@pytest.mark.parametrize(("hz", "turn"), [(1000, MS), (250, 4 * MS), (100, 10 * MS)])
def test_a_slice_lasts_until_the_tick_after_it(hz: int, turn: int) -> None:
    computer = Computer(sysctl=Sysctl(hz=hz))
    hogs = start_hogs(computer, 2)
    computer.run(turn)
    assert run_times(computer, hogs) == [turn, 0]
    computer.run(2 * turn)
    assert run_times(computer, hogs) == [turn, turn]


@pytest.mark.parametrize(("nice", "share"), [(0, 1 / 2), (5, 335 / 1359), (19, 15 / 1039), (-5, 3121 / 4145)])
def test_shares_follow_the_weights_of_the_nice_levels(nice: int, share: float) -> None:
    computer = Computer()
    hogs = start_hogs(computer, 2)
    set_user_nice(hogs[0], nice)
    computer.run(2000 * MS)
    times = run_times(computer, hogs)
    assert sum(times) == 2000 * MS
    assert times[0] / sum(times) == pytest.approx(share, abs=0.01)


def test_each_nice_level_is_about_a_quarter_more_than_the_next() -> None:
    assert len(PRIO_TO_WEIGHT) == 40
    assert PRIO_TO_WEIGHT[20] == 1024
    for number, weight in enumerate(PRIO_TO_WEIGHT):
        assert weight == pytest.approx(1024 * 1.25 ** (20 - number), rel=0.07)


def test_a_nice_level_that_is_none_is_refused() -> None:
    computer = Computer()
    (task,) = start_hogs(computer, 1)
    computer.run(1)
    with pytest.raises(ValueError, match="nice 20: out of range; allowed are -20 to 19"):
        set_user_nice(task, 20)


def test_a_thread_that_ran_less_than_its_share_runs_as_soon_as_it_wakes() -> None:
    computer = Computer()
    start_hogs(computer, 1)
    waits = []

    async def interactive() -> None:
        for _ in range(30):
            due = computer.machine.now + 3 * MS + 123_456
            await usleep_range(3123.456, 0)  # type: ignore[arg-type]  # off the ticks
            waits.append(computer.machine.now - due)
            await spend(10_000)

    computer.spawn(interactive())
    computer.run(200 * MS)
    assert len(waits) == 30
    assert waits[0] <= 2 * MS  # even with the other: it waits for the end of that one's slice, and has credit after it
    assert waits[1:] == [0] * 29


def test_a_thread_cannot_gain_by_sleeping_briefly() -> None:
    computer = Computer()
    hogs = start_hogs(computer, 1)

    async def cheat() -> None:
        while True:
            await spend(BASE_SLICE_NS - 50_000)
            await usleep_range(1, 1)

    cheater = computer.machine.kthread_run(cheat(), "cheat")
    computer.run(500 * MS)
    times = run_times(computer, [*hogs, cheater])
    assert times[1] <= 0.52 * sum(times)


def test_a_long_sleep_is_no_credit_for_a_long_run() -> None:
    computer = Computer()

    async def late() -> None:
        await usleep_range(100_000, 0)
        await hog()

    hogs = [*start_hogs(computer, 1), computer.machine.kthread_run(late(), "late")]
    computer.run(100 * MS)
    before = run_times(computer, hogs)
    computer.run(120 * MS)
    after = run_times(computer, hogs)
    assert after[0] - before[0] == pytest.approx(10 * MS, abs=2 * MS)


def test_time_of_interrupts_is_not_the_threads() -> None:
    """Softirqs on top of one thread do not make it lose its share to the other."""
    computer = Computer()
    hogs = start_hogs(computer, 2)
    computer.machine.softirqs.open_softirq(Vector.HI, lambda: spend(300_000))
    computer.on_interrupt(lambda: raise_softirq_irqoff(Vector.HI))
    for time in range(0, 400 * MS, 2 * MS):
        computer.irq(time + 100, level=True)  # always in the first millisecond of two
    computer.run(400 * MS)
    times = run_times(computer, hogs)
    assert times[0] == pytest.approx(times[1], rel=0.05)
    assert sum(times) == 400 * MS - 200 * 300_000


def test_a_sleeper_runs_after_it_was_woken_and_the_wake_up_has_its_price() -> None:
    computer = Computer(wakeup=300, context_switch=1000)
    woken_at = []
    woken: list[bool] = []

    async def sleeper() -> None:
        await sleep_until_woken()
        woken_at.append(computer.machine.now)

    task = computer.machine.kthread_run(sleeper(), "sleeper")
    computer.at(5000, lambda: woken.append(wake_up_process(task)))
    computer.run(10_000)
    assert woken_at == [6300]
    assert woken == [True]
    assert task.done


def test_a_wake_up_just_before_the_sleep_is_not_lost() -> None:
    computer = Computer()
    log = []
    tasks: list[Task] = []

    async def sleeper() -> None:
        wake_up_process(tasks[0])
        await sleep_until_woken()
        log.append("awake")

    tasks.append(computer.machine.kthread_run(sleeper(), "sleeper"))
    computer.run(100)
    assert log == ["awake"]


def test_a_wake_up_of_a_thread_that_lost_the_cpu_on_its_way_to_sleep_is_not_lost() -> None:
    computer = Computer()
    log = []

    async def sleeper() -> None:
        await spend(2 * MS)
        await sleep_until_woken()
        log.append("awake")

    task = computer.machine.kthread_run(sleeper(), "sleeper")
    start_hogs(computer, 1)
    computer.at(MS + 500_000, partial(wake_up_process, task))
    computer.run(10 * MS)
    assert log == ["awake"]


def test_sleeping_with_softirqs_disabled_is_a_bug() -> None:
    computer = Computer()

    async def thread() -> None:
        local_bh_disable()
        await usleep_range(1, 1)

    computer.spawn(thread(), "careless")
    with pytest.raises(RuntimeError, match="scheduling while atomic: careless/"):
        computer.run(1000)


# --- several CPUs -----------------------------------------------------------------------------------------------------


def test_free_threads_spread_over_idle_cpus() -> None:
    computer = Computer(cpus=3)
    hogs = start_hogs(computer, 3)
    computer.run(10 * MS)
    assert [task.cpu.id for task in hogs] == [0, 1, 2]
    assert run_times(computer, hogs) == [10 * MS] * 3


def test_a_pinned_thread_waits_for_its_cpu_though_others_are_idle() -> None:
    computer = Computer(cpus=2)
    hogs = start_hogs(computer, 2, cpu=1)
    computer.run(100 * MS)
    assert sum(run_times(computer, hogs)) == 100 * MS
    assert computer.machine.cpus[0].idle


def test_an_idle_cpu_pulls_a_thread_that_waits_elsewhere() -> None:
    computer = Computer(cpus=2)
    pinned = start_hogs(computer, 1, cpu=0)
    places = []

    async def brief() -> None:
        await spend(MS)

    computer.machine.kthread_run(brief(), "brief", computer.machine.cpus[1])

    async def free() -> None:
        await spend(5 * MS)
        places.append(this_cpu().id)

    computer.spawn(free())
    computer.run(20 * MS)
    assert places == [1]
    assert run_times(computer, pinned) == [pytest.approx(20 * MS, abs=2 * MS)]


def test_a_thread_moves_when_its_cpu_is_forbidden() -> None:
    computer = Computer(cpus=2)
    (task,) = start_hogs(computer, 1)
    computer.at(MS, lambda: kthread_bind(task, computer.machine.cpus[1]))
    computer.run(10 * MS)
    assert task.cpu.id == 1
    computer.machine.cpus[0].account()
    assert sum(run_times(computer, [task])) == 10 * MS
    assert computer.machine.cpus[0].idle


def test_a_sleeping_thread_moves_when_it_wakes() -> None:
    computer = Computer(cpus=2)
    places = []

    async def sleeper() -> None:
        await sleep_until_woken()
        places.append(this_cpu().id)

    task = computer.machine.kthread_run(sleeper(), "sleeper")
    computer.run(10)
    set_cpus_allowed(task, 2)
    computer.at(20, partial(wake_up_process, task))
    computer.run(100)
    assert places == [1]


@pytest.mark.parametrize("mask", [0, 4, -1])
def test_a_mask_without_a_cpu_of_the_machine_is_refused(mask: int) -> None:
    computer = Computer(cpus=2)
    (task,) = start_hogs(computer, 1)
    computer.run(1)
    with pytest.raises(ValueError, match="allowed are 1 to 3, for CPUs 0 to 1"):
        set_cpus_allowed(task, mask)


@pytest.mark.parametrize(("waker", "sleeper"), [(0, 1), (1, 0)])
def test_a_wake_up_across_cpus_is_immediate_whichever_runs_first(waker: int, sleeper: int) -> None:
    computer = Computer(cpus=2)
    cpus = computer.machine.cpus
    log = []

    async def sleeps() -> None:
        await sleep_until_woken()
        log.append((this_cpu().id, computer.machine.now))

    async def wakes() -> None:
        await spend(500)
        wake_up_process(task)
        await spend(500)

    task = computer.machine.kthread_run(sleeps(), "sleeper", cpus[sleeper])
    computer.machine.kthread_run(wakes(), "waker", cpus[waker])
    computer.run(2000)
    assert log == [(sleeper, 500)]


@given(
    st.integers(1, 3),
    st.lists(
        st.tuples(st.integers(-5, 5), st.integers(1, 3000), st.integers(0, 2000), st.none() | st.integers(0, 2)),
        min_size=1,
        max_size=6,
    ),
)
def test_no_cpu_idles_while_a_thread_that_may_run_there_waits(
    cpus: int, threads: list[tuple[int, int, int, int | None]]
) -> None:
    """Work conservation, whatever threads do: nice level, us of work, us of sleep, and where they are pinned."""
    computer = Computer(cpus=cpus)
    machine = computer.machine

    async def thread(work: int, sleep: int) -> None:
        for _ in range(5):
            await spend(1000 * work)
            if sleep:
                await usleep_range(sleep, sleep)

    tasks = []
    for nice, work, sleep, pinned in threads:
        cpu = machine.cpus[pinned] if pinned is not None and pinned < cpus else None
        tasks.append(machine.kthread_run(thread(work, sleep), "thread", cpu))
        set_user_nice(tasks[-1], nice)
    for time in range(0, 20 * MS, 50_000):
        computer.run(time)
        for cpu in machine.cpus:
            waiting = [task for other in machine.cpus for task in other.runqueue.waiting if task.allowed_on(cpu)]
            assert cpu.current is not None or not waiting
    computer.run(200 * MS)
    assert all(task.done for task in tasks)
    assert run_times(computer, tasks) == [5000 * work for _, work, _, _ in threads]
