"""Wrong drivers for rules 11 and 15 to 24: interrupt handlers and lines."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from driver.kernel.cpu import local_irq_enable, spend
from driver.kernel.io import readl, writel
from driver.kernel.irq import (
    IRQ_TYPE_EDGE_RISING,
    IRQF_SHARED,
    IrqReturn,
    disable_irq_nosync,
    enable_irq,
    free_irq,
    irq_set_irq_type,
    request_irq,
)
from driver.kernel.net.napi import __napi_schedule as schedule_owned
from driver.kernel.net.napi import napi_schedule_prep
from driver.kernel.pci import FIRST_IRQ
from driver.kernel.timer import usleep_range
from tests.kernel.rules.small_driver import Driver
from tests.kernel.rules.small_nic import ACK, CAUSE, LINK, MASK, RX, STATUS, NicComputer
from tests.kernel.rules.support import UP_NS, blamed, broken_by, broken_in, check, checked, first_of_each
from tests.kernel.rules.test_scheduling import a_link_change, a_packet
from tests.kernel.support import Computer

# --- what happens ----------------------------------------------------------------------------------------------------


def a_packet_with_a_link_change_and_another_packet(computer: NicComputer, driver: Driver) -> None:
    computer.at(UP_NS + 100, lambda: computer.cause(LINK))
    computer.at(UP_NS + 100, computer.receive)
    computer.at(UP_NS + 2000, computer.receive)


def another_device_interrupts(computer: NicComputer, driver: Driver) -> None:
    computer.at(UP_NS + 100, lambda: computer.machine.set_irq_level(0, level=True))
    computer.at(UP_NS + 200, lambda: computer.machine.set_irq_level(0, level=False))


def the_device_is_gone(computer: NicComputer, driver: Driver) -> None:
    computer.gone = True
    another_device_interrupts(computer, driver)


def two_edges(computer: NicComputer, driver: Driver) -> None:
    irq_set_irq_type(computer.machine, driver.irq, IRQ_TYPE_EDGE_RISING)
    computer.at(UP_NS + 100, lambda: computer.cause(LINK))
    computer.at(UP_NS + 270, lambda: computer.machine.set_irq_level(0, level=True))


# --- 11, 15 to 17: what a handler makes of its causes ----------------------------------------------------------------


class LooksAtTheLinkOnly(Driver):
    async def interrupt(self, _irq: int, _dev_id: object) -> IrqReturn:  # irq-ack-unscheduled
        causes = await readl(self.hw + CAUSE)
        if causes & LINK:
            return IrqReturn.HANDLED
        if causes & RX and napi_schedule_prep(self.napi):
            await self.mask()
            schedule_owned(self.napi)
        return IrqReturn.HANDLED if causes else IrqReturn.NONE


def test_irq_ack_unscheduled() -> None:
    check(LooksAtTheLinkOnly, a_packet_with_a_link_change_and_another_packet)


class ReturnsNonsense(Driver):
    async def interrupt(self, irq: int, dev_id: object) -> IrqReturn:  # irq-bogus-return
        await super().interrupt(irq, dev_id)
        return 0x80  # type: ignore[return-value]


class ReturnsNothing(Driver):
    async def interrupt(self, irq: int, dev_id: object) -> IrqReturn:  # irq-bogus-return
        await super().interrupt(irq, dev_id)
        return None  # type: ignore[return-value]


def test_irq_bogus_return(caplog: pytest.LogCaptureFixture) -> None:
    violation = check(ReturnsNonsense, a_link_change)
    assert violation.printed == "irq event 16: bogus return value 80"
    assert violation.printed in caplog.text
    check(ReturnsNothing, a_link_change)


class WakesNoThread(Driver):
    async def interrupt(self, irq: int, dev_id: object) -> IrqReturn:  # irq-no-thread
        await super().interrupt(irq, dev_id)
        return IrqReturn.WAKE_THREAD


def test_irq_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    violation = check(WakesNoThread, a_link_change)
    assert violation.printed == "IRQ 16 device eth0 returned IRQ_WAKE_THREAD but no thread function available."
    assert violation.printed in caplog.text


class ClaimsEverything(Driver):
    async def interrupt(self, irq: int, dev_id: object) -> IrqReturn:  # irq-handled-nothing
        await super().interrupt(irq, dev_id)
        return IrqReturn.HANDLED


def test_irq_handled_nothing() -> None:
    check(ClaimsEverything, another_device_interrupts)


class ClaimsNothing(Driver):
    async def interrupt(self, irq: int, dev_id: object) -> IrqReturn:  # irq-unclaimed
        await super().interrupt(irq, dev_id)
        return IrqReturn.NONE


def test_irq_unclaimed() -> None:
    check(ClaimsNothing, a_packet)


class BelievesAllOnes(Driver):
    async def interrupt(self, _irq: int, _dev_id: object) -> IrqReturn:
        causes = await readl(self.hw + CAUSE)
        if causes & RX and napi_schedule_prep(self.napi):
            await self.mask()
            schedule_owned(self.napi)  # irq-device-gone
        return IrqReturn.HANDLED if causes else IrqReturn.NONE


def test_irq_device_gone() -> None:
    check(BelievesAllOnes, the_device_is_gone)


# --- 18: nobody cared ------------------------------------------------------------------------------------------------


class LooksAway(Driver):
    async def interrupt(self, _irq: int, _dev_id: object) -> IrqReturn:  # irq-nobody-cared
        return IrqReturn.NONE


def test_irq_nobody_cared() -> None:
    computer = NicComputer()
    checker = checked(computer)
    driver = LooksAway(computer)
    computer.spawn(driver.open())
    computer.run(UP_NS)
    computer.cause(LINK)
    computer.run(UP_NS + 200 + 100_000 * 70)
    found = first_of_each(checker)
    assert blamed(found) == "irq-nobody-cared"
    assert found["irq-nobody-cared"].printed == (
        'irq 16: nobody cared (try booting with the "irqpoll" option)\nDisabling IRQ #16'
    )


# --- 19: the line ----------------------------------------------------------------------------------------------------


class AcknowledgesTheSecondTime(Driver):
    first = True

    async def interrupt(self, irq: int, dev_id: object) -> IrqReturn:  # irq-not-deasserted
        if self.first:
            self.first = False
            return IrqReturn.HANDLED if await readl(self.hw + STATUS) else IrqReturn.NONE
        return await super().interrupt(irq, dev_id)


class DoesNotLook(Driver):
    first = True

    async def interrupt(self, irq: int, dev_id: object) -> IrqReturn:  # irq-not-deasserted
        if self.first:
            self.first = False
            return IrqReturn.HANDLED
        return await super().interrupt(irq, dev_id)


def test_irq_not_deasserted() -> None:
    check(AcknowledgesTheSecondTime, a_link_change)
    check(DoesNotLook, a_packet)


class AcknowledgesWithAWrite(Driver):
    async def interrupt(self, _irq: int, _dev_id: object) -> IrqReturn:
        causes = await readl(self.hw + STATUS)
        if not causes:
            return IrqReturn.NONE
        await writel(causes, self.hw + ACK)
        await self.flush()
        return IrqReturn.HANDLED

    async def flush(self) -> None:
        await readl(self.hw + STATUS)


class DoesNotFlush(AcknowledgesWithAWrite):
    async def interrupt(self, irq: int, dev_id: object) -> IrqReturn:  # irq-deassert-posted
        return await super().interrupt(irq, dev_id)

    async def flush(self) -> None:
        pass


def test_irq_deassert_posted() -> None:
    check(DoesNotFlush, a_link_change)
    assert broken_in(AcknowledgesWithAWrite, a_link_change) == {}


# --- 20: what a handler must not do ----------------------------------------------------------------------------------


class EnablesInterrupts(Driver):
    async def interrupt(self, irq: int, dev_id: object) -> IrqReturn:  # irq-handler-enables
        result = await super().interrupt(irq, dev_id)
        local_irq_enable()
        return result


def test_irq_handler_enables(caplog: pytest.LogCaptureFixture) -> None:
    violation = check(EnablesInterrupts, a_packet)
    assert violation.printed == "irq 16 handler EnablesInterrupts.interrupt enabled interrupts"
    assert violation.printed in caplog.text


class Sleeps(Driver):
    async def interrupt(self, _irq: int, _dev_id: object) -> IrqReturn:
        await usleep_range(10, 20)  # irq-handler-sleeps
        return IrqReturn.HANDLED


def test_irq_handler_sleeps() -> None:
    computer = NicComputer()
    checker = checked(computer)
    driver = Sleeps(computer)
    computer.spawn(driver.open())
    computer.run(UP_NS)
    computer.cause(LINK)
    with pytest.raises(RuntimeError, match="scheduling while atomic"):
        computer.run(2 * UP_NS)
    found = first_of_each(checker)
    assert blamed(found) == "irq-handler-sleeps"
    assert found["irq-handler-sleeps"].printed == "BUG: scheduling while atomic: swapper/0/0/0x00010000"


class TakesItsTime(Driver):
    async def interrupt(self, irq: int, dev_id: object) -> IrqReturn:  # irq-handler-long
        await spend(1_000_000)
        return await super().interrupt(irq, dev_id)


def test_irq_handler_long() -> None:
    computer = NicComputer()
    checker = checked(computer)
    driver = TakesItsTime(computer)
    computer.spawn(driver.open())
    computer.run(UP_NS)
    computer.cause(LINK)
    computer.run(2_000_000)
    assert blamed(first_of_each(checker)) == "irq-handler-long"


# --- 21: requesting, freeing, disabling ------------------------------------------------------------------------------


async def handler(_irq: int, _dev_id: object) -> IrqReturn:
    return IrqReturn.NONE


async def balanced() -> None:
    request_irq(FIRST_IRQ, handler, IRQF_SHARED, "eth0", "eth0")
    request_irq(FIRST_IRQ, handler, IRQF_SHARED, "eth1", "eth1")
    disable_irq_nosync(FIRST_IRQ)
    disable_irq_nosync(FIRST_IRQ)
    enable_irq(FIRST_IRQ)
    enable_irq(FIRST_IRQ)
    await free_irq(FIRST_IRQ, "eth0")
    request_irq(FIRST_IRQ, handler, IRQF_SHARED, "eth0", "eth0")
    await free_irq(FIRST_IRQ, "eth0")
    await free_irq(FIRST_IRQ, "eth1")


async def mismatch() -> None:
    request_irq(FIRST_IRQ, handler, IRQF_SHARED, "eth0", "eth0")
    request_irq(FIRST_IRQ, handler, 0, "eth1", "eth1")  # irq-flags-mismatch


async def no_dev_id() -> None:
    request_irq(FIRST_IRQ, handler, IRQF_SHARED, "eth0", None)  # irq-shared-no-dev-id


async def requested_twice() -> None:
    request_irq(FIRST_IRQ, handler, IRQF_SHARED, "eth0", "eth0")
    request_irq(FIRST_IRQ, handler, IRQF_SHARED, "eth0", "eth0")  # irq-requested-twice


async def another_dev_id() -> None:
    request_irq(FIRST_IRQ, handler, IRQF_SHARED, "eth0", "eth0")
    await free_irq(FIRST_IRQ, "eth1")  # irq-free-free


async def unbalanced_enable() -> None:
    request_irq(FIRST_IRQ, handler, IRQF_SHARED, "eth0", "eth0")
    enable_irq(FIRST_IRQ)  # irq-unbalanced-enable


async def unbalanced_disable() -> None:
    request_irq(FIRST_IRQ, handler, IRQF_SHARED, "eth0", "eth0")
    disable_irq_nosync(FIRST_IRQ)
    await free_irq(FIRST_IRQ, "eth0")  # irq-unbalanced-disable


@pytest.mark.parametrize(
    ("wrong", "printed"),
    [
        (mismatch, "Flags mismatch irq 16. 00000000 (eth1) vs. 00000080 (eth0)"),
        (no_dev_id, None),
        (requested_twice, None),
        (another_dev_id, "Trying to free already-free IRQ 16"),
        (unbalanced_enable, "Unbalanced enable for IRQ 16"),
        (unbalanced_disable, None),
    ],
)
def test_requesting_and_freeing(
    wrong: Callable[[], Coroutine[Any, Any, None]], printed: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    found = broken_by(Computer(), wrong())
    assert found[blamed(found)].printed == printed
    assert printed is None or printed in caplog.text


def test_balanced_requesting_and_freeing_breaks_nothing() -> None:
    assert broken_by(Computer(), balanced()) == {}


class FreesInTheHandler(Driver):
    def request(self) -> None:
        super().request()
        request_irq(self.irq + 1, self.interrupt, 0, "eth0", self)

    async def interrupt(self, irq: int, dev_id: object) -> IrqReturn:
        await free_irq(self.irq + 1, self)  # irq-free-in-interrupt
        return await super().interrupt(irq, dev_id)


def test_irq_free_in_interrupt(caplog: pytest.LogCaptureFixture) -> None:
    violation = check(FreesInTheHandler, a_link_change)
    assert violation.printed == "Trying to free IRQ 17 from IRQ context!"
    assert violation.printed in caplog.text


# --- 22 to 24: handlers that are called when nothing is to be expected -----------------------------------------------


class Closes(Driver):
    """It comes up and goes down."""

    async def open(self) -> None:
        await super().open()
        self.dev.running = False
        await writel(RX | LINK, self.hw + MASK)
        await readl(self.hw + STATUS)
        await self.close()

    async def close(self) -> None:
        await free_irq(self.irq, self)
        self._ring = None


class ClosesInTheWrongOrder(Closes):
    async def close(self) -> None:
        self._ring = None
        await free_irq(self.irq, self)

    async def interrupt(self, irq: int, dev_id: object) -> IrqReturn:
        result = await super().interrupt(irq, dev_id)
        self._ring.read(0, 1)  # type: ignore[union-attr]  # irq-after-free
        return result


def test_irq_after_free() -> None:
    check(ClosesInTheWrongOrder, a_link_change)
    assert broken_in(Closes, a_link_change) == {}


class LooksAtTheRingFirst(Driver):
    async def interrupt(self, irq: int, dev_id: object) -> IrqReturn:
        self.ring.read(0, 1)  # irq-status-unread
        return await super().interrupt(irq, dev_id)


def test_irq_status_unread() -> None:
    check(LooksAtTheRingFirst, a_packet)


class CountsOnOneInterruptPerEvent(Driver):
    async def interrupt(self, irq: int, dev_id: object) -> IrqReturn:
        result = await super().interrupt(irq, dev_id)
        events = [1] if result == IrqReturn.HANDLED else []
        events.pop()  # irq-rerun
        return result


def test_irq_rerun() -> None:
    check(CountsOnOneInterruptPerEvent, two_edges)
