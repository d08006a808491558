"""Timers: jiffies, hrtimers in hardirq context, timer_lists in the TIMER softirq, sleeping."""

from driver.kernel.cpu import Level, this_cpu
from driver.kernel.softirq import Vector
from driver.kernel.sysctl import Sysctl
from driver.kernel.timer import Hrtimer, TimerList, usleep_range
from tests.kernel.support import Computer


def test_an_hrtimer_fires_once_in_hardirq_context() -> None:
    computer = Computer(irq_entry=10)
    fired = []

    async def thread() -> None:
        Hrtimer(lambda: fired.append((computer.machine.now, this_cpu().level))).start(500)

    computer.spawn(thread())
    computer.run(5000)
    assert fired == [(510, Level.HARDIRQ)]


def test_a_cancelled_hrtimer_does_not_fire() -> None:
    computer = Computer()
    fired: list[int] = []

    async def thread() -> None:
        timer = Hrtimer(lambda: fired.append(1))
        timer.start(500)
        assert timer.cancel()
        assert not timer.cancel()

    computer.spawn(thread())
    computer.run(5000)
    assert not fired


def test_a_timer_list_runs_at_its_jiffy_in_a_softirq() -> None:
    computer = Computer(sysctl=Sysctl(hz=250))
    fired = []

    async def function(timer: TimerList) -> None:
        fired.append((computer.machine.now, this_cpu().serving_softirq, timer.expires))

    async def thread() -> None:
        TimerList(function).mod(3)

    computer.spawn(thread())
    computer.run(20_000_000)
    assert fired == [(12_000_000, True, None)]
    assert computer.machine.cpus[0].softirq_counts[Vector.TIMER] == 1


def test_a_rearmed_timer_list_runs_at_the_later_time_only() -> None:
    computer = Computer()
    fired = []

    async def function(_timer: TimerList) -> None:
        fired.append(computer.machine.now)

    async def thread() -> None:
        timer = TimerList(function)
        timer.mod(3)
        timer.mod(7)

    computer.spawn(thread())
    computer.run(20_000_000)
    assert fired == [7_000_000]


def test_sleeping_takes_the_lower_bound() -> None:
    computer = Computer()
    woke = []

    async def thread() -> None:
        await usleep_range(20, 200)
        woke.append(computer.machine.now)

    computer.spawn(thread())
    computer.run(100_000)
    assert woke == [20_000]
