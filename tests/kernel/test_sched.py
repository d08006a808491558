"""Tasks: sleeping and waking, time slices, the price of a switch."""

from driver.kernel.cpu import spend
from driver.kernel.sched import SLICE_NS, Task, sleep_until_woken, wake_up_process
from tests.kernel.support import Computer


def test_two_busy_threads_share_the_cpu() -> None:
    computer = Computer()
    done = {}

    async def busy(name: str) -> None:
        await spend(10 * SLICE_NS)
        done[name] = computer.machine.now

    computer.spawn(busy("a"))
    computer.spawn(busy("b"))
    computer.run(30 * SLICE_NS)
    assert done == {"a": 19 * SLICE_NS, "b": 20 * SLICE_NS}


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
