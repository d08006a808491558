"""Interrupt lines: level flow, sharing, disabling, and free_irq (kernel/irq)."""

import pytest

from driver.kernel.cpu import local_irq_disable, local_irq_enable, spend, this_cpu
from driver.kernel.irq import (
    IRQ_TYPE_EDGE_RISING,
    IRQF_SHARED,
    IrqReturn,
    disable_irq,
    disable_irq_nosync,
    enable_irq,
    free_irq,
    irq_set_affinity,
    irq_set_irq_type,
    request_irq,
)
from driver.kernel.pci import FIRST_IRQ
from driver.kernel.timer import usleep_range
from tests.kernel.support import Computer, events


def test_a_line_that_stays_high_interrupts_again_and_again() -> None:
    computer = Computer(irq_entry=100)
    taken = []

    async def handler(_irq: int, _dev: object) -> IrqReturn:
        taken.append(computer.machine.now)
        return IrqReturn.HANDLED

    async def thread() -> None:
        request_irq(FIRST_IRQ, handler, 0, "storm", None)

    computer.spawn(thread())
    computer.irq(1000, level=True)
    computer.irq(1350, level=False)
    computer.run(5000)
    assert taken == [1100, 1200, 1300, 1400]


def test_all_handlers_of_a_shared_line_run_and_their_results_count_together() -> None:
    computer = Computer()
    seen = events(computer, "irq_handler_exit")

    def handler(result: IrqReturn) -> object:
        async def run(_irq: int, _dev: object) -> IrqReturn:
            computer.machine.set_irq_level(0, level=False)
            return result

        return run

    async def thread() -> None:
        for result, dev_id in ((IrqReturn.NONE, "a"), (IrqReturn.HANDLED, "b")):
            assert request_irq(FIRST_IRQ, handler(result), IRQF_SHARED, dev_id, dev_id) == 0  # type: ignore[arg-type]

    computer.spawn(thread())
    computer.irq(10, level=True)
    computer.run(100)
    assert [event[3] for event in seen] == [IrqReturn.NONE, IrqReturn.HANDLED]
    desc = computer.machine.irqs.desc(FIRST_IRQ)
    assert desc.counts == [1]
    assert desc.irqs_unhandled == 0


def test_request_irq_refuses_what_linux_refuses() -> None:
    computer = Computer()
    results = []

    async def handler(_irq: int, _dev: object) -> IrqReturn:
        return IrqReturn.NONE

    async def thread() -> None:
        results.append(request_irq(FIRST_IRQ, handler, IRQF_SHARED, "no dev_id", None))
        results.append(request_irq(FIRST_IRQ, handler, 0, "exclusive", "a"))
        results.append(request_irq(FIRST_IRQ, handler, IRQF_SHARED, "late", "b"))

    computer.spawn(thread())
    computer.run(10)
    assert results == [-22, 0, -16]


def test_a_disabled_line_interrupts_when_it_is_enabled_again() -> None:
    computer = Computer()
    taken = []

    async def handler(_irq: int, _dev: object) -> IrqReturn:
        taken.append(computer.machine.now)
        computer.machine.set_irq_level(0, level=False)
        return IrqReturn.HANDLED

    async def thread() -> None:
        request_irq(FIRST_IRQ, handler, 0, "test", None)
        disable_irq_nosync(FIRST_IRQ)
        await usleep_range(1, 1)
        enable_irq(FIRST_IRQ)

    computer.spawn(thread())
    computer.irq(300, level=True)
    computer.run(5000)
    assert taken == [1000]


def test_free_irq_returns_when_the_handler_is_gone() -> None:
    computer = Computer(cpus=2)
    log = []

    async def handler(_irq: int, _dev: object) -> IrqReturn:
        await spend(5000)
        computer.machine.set_irq_level(0, level=False)
        log.append(("handler ends", computer.machine.now))
        return IrqReturn.HANDLED

    async def thread() -> None:
        request_irq(FIRST_IRQ, handler, 0, "test", "dev")
        irq_set_affinity(computer.machine, FIRST_IRQ, 2)
        await usleep_range(1, 1)
        await free_irq(FIRST_IRQ, "dev")
        log.append(("freed", computer.machine.now))

    computer.spawn(thread())
    computer.irq(100, level=True)
    computer.run(20_000)
    assert log[0] == ("handler ends", 5100)
    assert log[1][0] == "freed"
    assert log[1][1] >= 5100


def test_affinity_moves_a_line_to_another_cpu() -> None:
    computer = Computer(cpus=3)

    computer.on_interrupt(lambda: None, time=100)
    desc = computer.machine.irqs.desc(FIRST_IRQ)
    assert (desc.affinity, desc.effective) == (7, 0)
    computer.at(200, lambda: irq_set_affinity(computer.machine, FIRST_IRQ, 6))
    computer.irq(300, level=True)
    computer.run(1000)
    assert desc.counts == [1, 1, 0]
    with pytest.raises(ValueError, match="CPU mask 8: allowed are 1 to 7"):
        irq_set_affinity(computer.machine, FIRST_IRQ, 8)


def test_a_line_that_moves_while_it_is_handled_is_handled_by_one_cpu_at_a_time() -> None:
    computer = Computer(cpus=2)
    running = []
    log = []

    async def handler(_irq: int, _dev: object) -> IrqReturn:
        running.append(1)
        log.append((this_cpu().id, len(running)))
        await spend(1000)
        running.pop()
        return IrqReturn.HANDLED

    async def setup() -> None:
        request_irq(FIRST_IRQ, handler, 0, "storm", None)

    computer.spawn(setup())
    computer.irq(100, level=True)
    computer.at(500, lambda: irq_set_affinity(computer.machine, FIRST_IRQ, 2))
    computer.irq(2500, level=False)
    computer.run(5000)
    assert log == [(0, 1), (1, 1), (1, 1)]


def test_a_line_that_another_cpu_enables_interrupts_at_once() -> None:
    computer = Computer(cpus=2)
    taken = []

    async def handler(_irq: int, _dev: object) -> IrqReturn:
        taken.append((this_cpu().id, computer.machine.now))
        computer.machine.set_irq_level(0, level=False)
        return IrqReturn.HANDLED

    async def thread() -> None:
        request_irq(FIRST_IRQ, handler, 0, "test", None)
        disable_irq_nosync(FIRST_IRQ)
        await spend(1000)
        enable_irq(FIRST_IRQ)
        await spend(1000)

    computer.machine.kthread_run(thread(), "thread", computer.machine.cpus[1])
    computer.irq(300, level=True)
    computer.run(5000)
    assert taken == [(0, 1000)]


# --- edges -----------------------------------------------------------------------------------------------------------


def edge_line(computer: Computer, taken: list[int], *, takes: int = 500) -> None:
    """An edge-triggered line whose handler notes when it was called."""

    async def handler(_irq: int, _dev: object) -> IrqReturn:
        taken.append(computer.machine.now)
        await spend(takes)
        return IrqReturn.HANDLED

    async def setup() -> None:
        request_irq(FIRST_IRQ, handler, 0, "msi", "dev")

    irq_set_irq_type(computer.machine, FIRST_IRQ, IRQ_TYPE_EDGE_RISING)
    computer.spawn(setup())


def test_an_edge_interrupts_once_though_the_line_stays_high() -> None:
    computer = Computer()
    taken: list[int] = []
    edge_line(computer, taken)
    computer.irq(1000, level=True)
    computer.irq(9000, level=False)
    computer.run(10_000)
    assert taken == [1000]
    assert computer.machine.irqs.asserted == 0


def test_edges_during_the_handler_run_it_once_more_and_are_not_counted() -> None:
    computer = Computer(irq_exit=100)
    taken: list[int] = []
    edge_line(computer, taken)
    for time in (1000, 1100, 1200, 1600):
        computer.irq(time, level=True)
    computer.irq(2550, level=True)  # while the CPU returns from the interrupt: one of its own
    computer.run(10_000)
    assert taken == [1000, 1500, 2000, 2600]
    assert computer.machine.irqs.desc(FIRST_IRQ).counts == [2]


def test_an_edge_while_the_line_is_disabled_interrupts_when_it_is_enabled() -> None:
    computer = Computer()
    taken: list[int] = []
    edge_line(computer, taken)

    async def thread() -> None:
        await disable_irq(FIRST_IRQ)
        await usleep_range(5, 5)
        enable_irq(FIRST_IRQ)

    computer.spawn(thread())
    computer.irq(1000, level=True)
    computer.run(10_000)
    assert taken == [5000]


# --- interrupts off --------------------------------------------------------------------------------------------------


def test_with_interrupts_off_a_cpu_takes_none() -> None:
    computer = Computer()
    taken: list[int] = []
    edge_line(computer, taken)

    async def thread() -> None:
        local_irq_disable()
        await spend(3000)
        local_irq_enable()
        await spend(3000)

    computer.spawn(thread())
    computer.irq(1000, level=True)
    computer.run(10_000)
    assert taken == [3000]


def test_who_sleeps_with_interrupts_off_wakes_with_them_on() -> None:
    computer = Computer()

    async def thread() -> None:
        local_irq_disable()
        await usleep_range(5, 5)

    computer.spawn(thread())
    computer.run(10_000)
    assert computer.machine.idle
    assert not computer.machine.cpus[0].irqs_disabled


def test_a_handler_that_enables_interrupts_is_said_so_once(caplog: pytest.LogCaptureFixture) -> None:
    computer = Computer()
    computer.on_interrupt(local_irq_enable)
    computer.irq(500, level=True)
    computer.run(1000)
    assert [record.getMessage() for record in caplog.records] == [
        "irq 16 handler Computer.on_interrupt.<locals>.handler enabled interrupts"
    ]


# --- requesting and freeing ------------------------------------------------------------------------------------------


def test_freeing_and_enabling_what_is_not_there_is_said(caplog: pytest.LogCaptureFixture) -> None:
    computer = Computer()

    async def thread() -> None:
        await free_irq(FIRST_IRQ, "dev")
        enable_irq(FIRST_IRQ)

    computer.spawn(thread())
    computer.run(10)
    assert [record.getMessage() for record in caplog.records] == [
        "Trying to free already-free IRQ 16",
        "Unbalanced enable for IRQ 16",
    ]
    assert computer.machine.irqs.desc(FIRST_IRQ).depth == 0
