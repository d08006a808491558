"""Interrupts that nobody handles: counting, taking the line off, polling it; and handlers that return nonsense."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from driver.kernel import irq_spurious
from driver.kernel.irq import IRQF_SHARED, IrqReturn, free_irq, request_irq
from driver.kernel.irq_spurious import JUDGED_AFTER, MAX_UNHANDLED, REPORTED_BOGUS
from driver.kernel.pci import FIRST_IRQ
from tests.kernel.support import Computer

#: From one interrupt to the next of a line that stays high, in ns.
EVERY_NS = 100

TICK_NS = 1_000_000


def storm(answer: Callable[[int], int], *, flags: int = IRQF_SHARED) -> tuple[Computer, list[int]]:
    """A line that stays high, and a handler that says this of the n-th interrupt; and when it was called."""
    computer = Computer(irq_entry=EVERY_NS)
    calls: list[int] = []

    async def handler(_irq: int, _dev_id: object) -> IrqReturn:
        calls.append(computer.machine.now)
        return answer(len(calls))  # type: ignore[return-value]

    async def setup() -> None:
        request_irq(FIRST_IRQ, handler, flags, "eth0", "eth0")

    computer.spawn(setup())
    computer.irq(0, level=True)
    return computer, calls


def never(_count: int) -> int:
    return IrqReturn.NONE


def test_a_line_is_taken_off_after_100000_interrupts_and_polled_ten_times_a_second(
    caplog: pytest.LogCaptureFixture,
) -> None:
    computer, calls = storm(never)
    computer.run(EVERY_NS * (JUDGED_AFTER + 10))
    desc = computer.machine.irqs.desc(FIRST_IRQ)
    assert len(calls) == JUDGED_AFTER == desc.counts[0]
    assert (desc.depth, desc.spurious_disabled, desc.irqs_unhandled, desc.irq_count) == (1, True, 0, 0)
    assert [record.getMessage() for record in caplog.records][:2] == [
        'irq 16: nobody cared (try booting with the "irqpoll" option)',
        "handlers:",
    ]
    assert caplog.records[-1].getMessage() == "Disabling IRQ #16"
    computer.run(600 * TICK_NS)
    polled = calls[JUDGED_AFTER:]
    assert len(polled) == 5
    assert {later - earlier for earlier, later in itertools.pairwise(polled)} == {100 * TICK_NS}
    assert desc.counts[0] == JUDGED_AFTER  # polls are no interrupts


@pytest.fixture
def judged_sooner(monkeypatch: pytest.MonkeyPatch) -> int:
    """A line is judged after fewer interrupts: so many."""
    monkeypatch.setattr(irq_spurious, "JUDGED_AFTER", 1000)
    monkeypatch.setattr(irq_spurious, "MAX_UNHANDLED", 900)
    return 1000


def test_a_line_that_is_not_shared_is_not_polled(judged_sooner: int) -> None:
    computer, calls = storm(never, flags=0)
    computer.run(600 * TICK_NS)
    assert len(calls) == judged_sooner


@pytest.mark.parametrize(("handled", "taken_off"), [(99, True), (100, False)])
def test_up_to_99900_of_100000_may_be_unhandled(handled: int, *, taken_off: bool) -> None:
    """Handled interrupts neither count as unhandled nor reset the count."""
    assert JUDGED_AFTER - 100 == MAX_UNHANDLED
    computer, calls = storm(lambda count: IrqReturn.HANDLED if 2 <= count < 2 + handled else IrqReturn.NONE)
    computer.run(EVERY_NS * (JUDGED_AFTER + 10))
    assert computer.machine.irqs.desc(FIRST_IRQ).spurious_disabled is taken_off
    assert len(calls) >= JUDGED_AFTER


def test_interrupts_before_the_first_unhandled_one_do_not_count() -> None:
    computer, _ = storm(lambda count: IrqReturn.HANDLED if count <= 1000 else IrqReturn.NONE)
    computer.run(EVERY_NS * 1500)
    desc = computer.machine.irqs.desc(FIRST_IRQ)
    assert desc.irq_count == desc.irqs_unhandled == 500


def test_unhandled_interrupts_that_are_rare_begin_anew() -> None:
    computer, _ = storm(never)
    computer.irq(EVERY_NS * 10 - 1, level=False)
    desc = computer.machine.irqs.desc(FIRST_IRQ)
    for time, unhandled in ((100, 11), (200, 12), (301, 1)):  # ms; HZ/10 is 100
        computer.irq(time * TICK_NS, level=True)
        computer.irq(time * TICK_NS + 1, level=False)
        computer.run(time * TICK_NS + 1000)
        assert desc.irqs_unhandled == unhandled


def test_bogus_return_values_are_reported_a_hundred_times_and_not_counted(caplog: pytest.LogCaptureFixture) -> None:
    computer, calls = storm(lambda _count: 0x1234)
    computer.run(EVERY_NS * 150)
    assert len(calls) > REPORTED_BOGUS
    messages = [record.getMessage() for record in caplog.records]
    assert messages.count("irq event 16: bogus return value 1234") == REPORTED_BOGUS
    assert not computer.machine.irqs.desc(FIRST_IRQ).irqs_unhandled


@pytest.mark.parametrize("anew", [True, False])
def test_a_new_handler_gives_the_line_another_chance(judged_sooner: int, *, anew: bool) -> None:
    computer, calls = storm(never)
    computer.run(EVERY_NS * (judged_sooner + 10))
    desc = computer.machine.irqs.desc(FIRST_IRQ)

    async def handler(_irq: int, _dev_id: object) -> IrqReturn:
        computer.machine.set_irq_level(0, level=False)
        return IrqReturn.HANDLED

    async def setup() -> None:
        if anew:
            await free_irq(FIRST_IRQ, "eth0")
        request_irq(FIRST_IRQ, handler, IRQF_SHARED, "eth1", "eth1")

    computer.spawn(setup())
    computer.run(computer.machine.now + 1000)
    assert (desc.depth, desc.spurious_disabled, desc.counts[0]) == (0, False, judged_sooner + 1)
    assert len(calls) == judged_sooner + (0 if anew else 1)
