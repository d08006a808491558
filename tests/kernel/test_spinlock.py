"""Spinlocks: one holder at a time, on any CPU, and no interrupt in between."""

from __future__ import annotations

from driver.kernel.cpu import spend, this_cpu
from driver.kernel.spinlock import SpinLock, spin_lock_irqsave, spin_unlock_irqrestore
from tests.kernel.support import Computer


def test_a_second_cpu_waits_for_the_first() -> None:
    computer = Computer(cpus=2)
    lock, log = SpinLock(), []

    async def critical() -> None:
        flags = await spin_lock_irqsave(lock)
        log.append((this_cpu().id, "in"))
        await spend(1_000)
        log.append((this_cpu().id, "out"))
        spin_unlock_irqrestore(lock, flags)

    for cpu in computer.machine.cpus:
        computer.machine.kthread_run(critical(), "test", cpu)
    computer.run(10_000)
    assert [what for _, what in log] == ["in", "out", "in", "out"]
    assert log[0][0] == log[1][0] != log[2][0] == log[3][0]


def test_an_interrupt_waits_for_the_end() -> None:
    computer = Computer()
    lock, log = SpinLock(), []

    async def critical() -> None:
        flags = await spin_lock_irqsave(lock)
        await spend(1_000)
        log.append(("unlocked", computer.machine.now))
        spin_unlock_irqrestore(lock, flags)
        await spend(1_000)

    computer.on_interrupt(lambda: log.append(("interrupt", computer.machine.now)), time=100)
    computer.spawn(critical())
    computer.run(10_000)
    assert [what for what, _ in log] == ["unlocked", "interrupt"]
    assert log[1][1] == log[0][1]
