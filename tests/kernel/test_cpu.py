"""CPU contexts: preemption by level, stalls, and the account of every nanosecond."""

import pytest

from driver.kernel.cpu import Account, spend, this_cpu
from driver.kernel.io import Iomem, readl
from tests.kernel.support import Computer


def test_a_thread_spends_time() -> None:
    computer = Computer()
    times = []

    async def thread() -> None:
        await spend(100)
        times.append(computer.machine.now)
        await spend(50)
        times.append(computer.machine.now)

    computer.spawn(thread())
    computer.run(1000)
    assert times == [100, 150]


def test_a_hardirq_interrupts_a_thread_which_goes_on_where_it_was() -> None:
    computer = Computer(irq_entry=10, irq_exit=5)
    log = []

    async def work() -> None:
        log.append(("handler", computer.machine.now))
        await spend(20)

    async def thread() -> None:
        await spend(100)
        log.append(("thread", computer.machine.now))

    computer.on_interrupt(work, time=40)
    computer.spawn(thread())
    computer.run(1000)
    assert log == [("handler", 50), ("thread", 135)]
    cpu = computer.machine.cpus[0]
    cpu.account()
    assert cpu.time[Account.HARDIRQ] == 35
    assert cpu.time[Account.USER] == 100
    assert cpu.time[Account.IDLE] == 1000 - 135


def test_every_nanosecond_is_accounted_for() -> None:
    computer = Computer(irq_entry=7, irq_exit=3, context_switch=11, wakeup=2)

    async def thread() -> None:
        await spend(500)

    computer.on_interrupt(lambda: spend(13), time=20)
    computer.spawn(thread())
    for time in range(57, 900, 37):
        computer.irq(time, level=True)
    computer.run(1000)
    cpu = computer.machine.cpus[0]
    cpu.account()
    assert sum(cpu.time) == 1000
    assert cpu.time[Account.HARDIRQ] == 23 * len(range(20, 900, 37))


def test_a_stalled_cpu_takes_no_interrupt() -> None:
    computer = Computer(mmio_request=100, mmio_completion=100)
    computer.registers[8] = 0x1234
    log = []

    async def thread() -> None:
        log.append((hex(await readl(Iomem(0) + 8)), computer.machine.now))

    computer.on_interrupt(lambda: log.append(("handler", computer.machine.now)), time=50)
    computer.spawn(thread())
    computer.run(1000)
    assert log == [("handler", 200), ("0x1234", 200)]


def test_kernel_code_outside_a_cpu_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="no CPU is running"):
        this_cpu()
