"""Softirqs: order, limits, ksoftirqd, and what hardirqs may do meanwhile (kernel/softirq.c)."""

import pytest

from driver.kernel.cpu import Account, spend, this_cpu
from driver.kernel.irq import IrqReturn, request_irq
from driver.kernel.pci import FIRST_IRQ
from driver.kernel.softirq import MAX_SOFTIRQ_RESTART, Vector, local_bh_disable, local_bh_enable, raise_softirq_irqoff
from driver.kernel.sysctl import Sysctl
from tests.kernel.support import Computer


def raise_from_hardirq(computer: Computer, *vectors: Vector) -> None:
    """Let an interrupt handler raise these."""

    def work() -> None:
        for vector in vectors:
            raise_softirq_irqoff(vector)

    computer.on_interrupt(work)


def test_vectors_run_in_ascending_order_at_irq_exit() -> None:
    computer = Computer(irq_entry=10, irq_exit=10)
    log = []
    for vector in (Vector.RCU, Vector.HI, Vector.NET_TX):

        async def action(vector: Vector = vector) -> None:
            log.append((vector, computer.machine.now))

        computer.machine.softirqs.open_softirq(vector, action)
    raise_from_hardirq(computer, Vector.RCU, Vector.NET_TX, Vector.HI)
    computer.run(1000)
    assert log == [(Vector.HI, 120), (Vector.NET_TX, 120), (Vector.RCU, 120)]


@pytest.mark.parametrize(("hz", "expected"), [(1000, MAX_SOFTIRQ_RESTART), (100, MAX_SOFTIRQ_RESTART)])
def test_ten_passes_then_ksoftirqd(hz: int, expected: int) -> None:
    computer = Computer(sysctl=Sysctl(hz=hz))
    accounts = []

    async def action() -> None:
        await spend(1000)
        accounts.append(this_cpu().stack[-1].account)
        if len(accounts) < 15:
            raise_softirq_irqoff(Vector.HI)

    computer.machine.softirqs.open_softirq(Vector.HI, action)
    raise_from_hardirq(computer, Vector.HI)
    computer.run(1_000_000)
    assert accounts == [Account.SOFTIRQ] * expected + [Account.KSOFTIRQD] * (15 - expected)


def test_two_jiffies_then_ksoftirqd() -> None:
    computer = Computer()
    passes = []

    async def action() -> None:
        await spend(700_000)
        passes.append((computer.machine.now, this_cpu().stack[-1].account))
        if len(passes) < 6:
            raise_softirq_irqoff(Vector.HI)

    computer.machine.softirqs.open_softirq(Vector.HI, action)
    raise_from_hardirq(computer, Vector.HI)
    computer.run(10_000_000)
    assert [account for _, account in passes] == [Account.SOFTIRQ] * 3 + [Account.KSOFTIRQD] * 3


def test_a_hardirq_during_a_softirq_starts_no_second_one() -> None:
    computer = Computer()
    depth = []

    async def action() -> None:
        depth.append(sum(context.account is Account.SOFTIRQ for context in this_cpu().stack))
        await spend(1000)

    computer.machine.softirqs.open_softirq(Vector.HI, action)
    raise_from_hardirq(computer, Vector.HI)
    computer.irq(500, level=True)
    computer.run(10_000)
    assert depth == [1, 1]


def test_interrupts_without_a_gap_start_no_second_softirq_before_the_first_has_begun() -> None:
    computer = Computer(irq_entry=100)
    ran = []

    async def action() -> None:
        ran.append(computer.machine.now)

    async def handler(_irq: int, _dev: object) -> IrqReturn:
        raise_softirq_irqoff(Vector.HI)
        return IrqReturn.HANDLED

    async def setup() -> None:
        request_irq(FIRST_IRQ, handler, 0, "storm", None)

    computer.machine.softirqs.open_softirq(Vector.HI, action)
    computer.spawn(setup())
    computer.irq(100, level=True)
    computer.irq(10_050, level=False)
    computer.run(5_050)
    assert [context.account for context in computer.machine.cpus[0].stack] == [Account.SOFTIRQ, Account.HARDIRQ]
    computer.run(20_000)
    assert ran == [10_100]


def test_softirqs_wait_for_bh_enable() -> None:
    computer = Computer()
    log = []

    async def action() -> None:
        log.append(("softirq", computer.machine.now))

    async def thread() -> None:
        local_bh_disable()
        raise_softirq_irqoff(Vector.HI)
        await spend(500)
        log.append(("enable", computer.machine.now))
        await local_bh_enable()
        log.append(("after", computer.machine.now))

    computer.machine.softirqs.open_softirq(Vector.HI, action)
    computer.spawn(thread())
    computer.run(1000)
    assert log == [("enable", 500), ("softirq", 500), ("after", 500)]


def test_raising_in_task_context_wakes_ksoftirqd() -> None:
    computer = Computer()
    log = []

    async def action() -> None:
        task = this_cpu().current
        log.append(task.comm if task else None)

    async def thread() -> None:
        raise_softirq_irqoff(Vector.HI)
        await spend(500)

    computer.machine.softirqs.open_softirq(Vector.HI, action)
    computer.spawn(thread())
    computer.run(10_000)
    assert log == ["ksoftirqd/0"]
