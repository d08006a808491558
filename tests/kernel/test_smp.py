"""Calls from one CPU to another (kernel/smp.c)."""

from __future__ import annotations

from driver.kernel.cpu import Account, Level, spend, this_cpu
from driver.kernel.smp import EBUSY, CallSingleData, smp_call_function_single_async
from tests.kernel.support import Computer


def test_a_call_runs_as_a_hardirq_of_its_target_and_costs_as_one() -> None:
    computer = Computer(cpus=2, ipi=300, irq_entry=100, irq_exit=50)
    seen: list[tuple[int, int, Level | None]] = []
    target = computer.machine.cpus[1]
    csd = CallSingleData(lambda: seen.append((this_cpu().id, computer.machine.now, this_cpu().level)))

    async def sender() -> None:
        assert await smp_call_function_single_async(target, csd) == 0
        assert csd.pending

    computer.spawn(sender())
    computer.run(10_000)
    assert seen == [(1, 400, Level.HARDIRQ)]
    assert not csd.pending
    target.account()
    assert target.time[Account.HARDIRQ] == 150
    assert target.call_function_interrupts == 1
    assert computer.machine.irqs.asserted == 0


def test_a_call_that_is_under_way_cannot_be_sent_again() -> None:
    computer = Computer(cpus=2, irq_entry=1000)
    calls: list[int] = []
    results = []
    csd = CallSingleData(lambda: calls.append(computer.machine.now))

    async def sender() -> None:
        results.append(await smp_call_function_single_async(computer.machine.cpus[1], csd))
        results.append(await smp_call_function_single_async(computer.machine.cpus[1], csd))
        await spend(2000)
        results.append(await smp_call_function_single_async(computer.machine.cpus[1], csd))

    computer.spawn(sender())
    computer.run(10_000)
    assert results == [0, -EBUSY, 0]
    assert calls == [1000, 3000]


def test_calls_that_come_together_are_one_interrupt_in_the_order_of_their_sending() -> None:
    computer = Computer(cpus=2, irq_entry=1000)
    calls: list[str] = []
    target = computer.machine.cpus[1]

    async def sender() -> None:
        for name in ("a", "b", "c"):
            await smp_call_function_single_async(target, CallSingleData(lambda name=name: calls.append(name)))  # type: ignore[misc]

    computer.spawn(sender())
    computer.run(10_000)
    assert calls == ["a", "b", "c"]
    assert target.call_function_interrupts <= 2


def test_a_call_interrupts_what_the_target_runs() -> None:
    computer = Computer(cpus=2, irq_entry=10)
    log = []
    target = computer.machine.cpus[1]

    async def victim() -> None:
        await spend(5000)
        log.append(("victim", computer.machine.now))

    async def sender() -> None:
        await spend(1000)
        await smp_call_function_single_async(target, CallSingleData(lambda: log.append(("call", computer.machine.now))))

    computer.machine.kthread_run(victim(), "victim", target)
    computer.machine.kthread_run(sender(), "sender", computer.machine.cpus[0])
    computer.run(10_000)
    assert log == [("call", 1010), ("victim", 5010)]


def test_a_call_to_a_cpu_that_has_run_already_at_this_instant_is_immediate() -> None:
    computer = Computer(cpus=2)
    calls: list[int] = []
    target, sender_cpu = computer.machine.cpus

    async def sender() -> None:
        await spend(500)
        await smp_call_function_single_async(target, CallSingleData(lambda: calls.append(computer.machine.now)))
        await spend(500)

    computer.machine.kthread_run(sender(), "sender", sender_cpu)
    computer.run(10_000)
    assert calls == [500]
