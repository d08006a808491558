"""Wrong drivers for rules 1 to 9, 11, 12 and 14: scheduling, polling, completing, unmasking."""

from __future__ import annotations

from driver.kernel.cpu import spend
from driver.kernel.io import readl, writel
from driver.kernel.irq import IrqReturn
from driver.kernel.net.napi import (
    SCHED,
    Napi,
    napi_complete,
    napi_complete_done,
    napi_schedule,
    napi_schedule_prep,
)
from driver.kernel.net.napi import (
    __napi_schedule as schedule_owned,
)
from driver.kernel.net.netpoll import netpoll_poll_dev
from driver.kernel.softirq import local_bh_disable, local_bh_enable
from tests.kernel.rules.small_driver import PACKET_NS, Driver
from tests.kernel.rules.small_nic import (
    CAUSE,
    COUNT,
    LINK,
    MASK,
    RX,
    STATUS,
    TAIL,
    UNMASK,
    NicComputer,
)
from tests.kernel.rules.support import UP_NS, broken_in, check

# --- what happens ----------------------------------------------------------------------------------------------------


def a_packet(computer: NicComputer, _driver: Driver) -> None:
    computer.at(UP_NS + 100, computer.receive)


def four_packets(computer: NicComputer, _driver: Driver) -> None:
    for _ in range(4):
        computer.at(UP_NS + 100, computer.receive)


def a_link_change(computer: NicComputer, _driver: Driver) -> None:
    computer.at(UP_NS + 100, lambda: computer.cause(LINK))


def a_link_change_during_the_poll(computer: NicComputer, driver: Driver) -> None:
    a_packet(computer, driver)
    computer.at(UP_NS + 1200, lambda: computer.cause(LINK))


def a_packet_and_a_link_change_during_the_poll(computer: NicComputer, driver: Driver) -> None:
    """The handler sees both causes, and so the poll is to come again."""
    a_packet(computer, driver)
    computer.at(UP_NS + 1200, computer.receive)
    computer.at(UP_NS + 1201, lambda: computer.cause(LINK))


def three_link_changes_during_the_poll(computer: NicComputer, driver: Driver) -> None:
    four_packets(computer, driver)
    for count in range(3):
        computer.at(UP_NS + 1200 + 600 * count, lambda: computer.cause(LINK))


def netpoll(_computer: NicComputer, driver: Driver) -> None:
    driver.computer.spawn(netpoll_poll_dev(driver.dev))


# --- 1, 2: scheduling ------------------------------------------------------------------------------------------------


class DoesNotMask(Driver):
    async def mask(self) -> None:
        pass

    async def interrupt(self, _irq: int, _dev_id: object) -> IrqReturn:
        if await readl(self.hw + CAUSE) & RX and napi_schedule_prep(self.napi):
            await self.mask()
            schedule_owned(self.napi)  # napi-schedule-unmasked
        return IrqReturn.HANDLED


def test_napi_schedule_unmasked() -> None:
    check(DoesNotMask, a_packet)


class MasksFirst(Driver):
    async def interrupt(self, _irq: int, _dev_id: object) -> IrqReturn:
        causes = await readl(self.hw + CAUSE)
        await writel(RX, self.hw + MASK)  # napi-mask-unscheduled
        await readl(self.hw + STATUS)
        if napi_schedule_prep(self.napi):
            schedule_owned(self.napi)
        return IrqReturn.HANDLED if causes else IrqReturn.NONE


def test_napi_mask_unscheduled() -> None:
    check(MasksFirst, a_link_change_during_the_poll)


class SchedulesWithoutOwning(Driver):
    async def open(self) -> None:
        await super().open()
        local_bh_disable()
        schedule_owned(self.napi)  # napi-schedule-unowned
        await local_bh_enable()


def test_napi_schedule_unowned() -> None:
    check(SchedulesWithoutOwning, a_packet)


class SchedulesTwice(Driver):
    async def open(self) -> None:
        await super().open()
        local_bh_disable()
        napi_schedule(self.napi)
        schedule_owned(self.napi)  # napi-schedule-unowned
        await local_bh_enable()


def test_napi_schedule_unowned_a_second_time() -> None:
    check(SchedulesTwice, a_packet)


class ForgetsToSchedule(Driver):
    async def interrupt(self, _irq: int, _dev_id: object) -> IrqReturn:
        if not await readl(self.hw + CAUSE) & LINK:
            return IrqReturn.NONE
        napi_schedule_prep(self.napi)  # napi-prep-unscheduled
        return IrqReturn.HANDLED


class ForgetsToScheduleInAThread(Driver):
    async def open(self) -> None:
        await super().open()
        napi_schedule_prep(self.napi)  # napi-prep-unscheduled


def test_napi_prep_unscheduled() -> None:
    check(ForgetsToSchedule, a_link_change)
    check(ForgetsToScheduleInAThread, a_link_change)


# --- 3, 4: what poll() returns ---------------------------------------------------------------------------------------


class TakesTooMuch(Driver):
    async def poll(self, napi: Napi, budget: int) -> int:  # napi-poll-budget
        if not napi.polls:
            return budget + 1
        return await super().poll(napi, budget)


def test_napi_poll_budget() -> None:
    check(TakesTooMuch, a_packet)


class ReturnsAnError(Driver):
    async def poll(self, napi: Napi, budget: int) -> int:  # napi-poll-negative
        await super().poll(napi, budget)
        return -1


def test_napi_poll_negative() -> None:
    check(ReturnsAnError, a_packet)


class CompletesAtBudget(Driver):
    async def poll(self, napi: Napi, budget: int) -> int:  # napi-complete-at-budget
        await super().poll(napi, budget)
        return 0 if napi.polls else budget


def test_napi_complete_at_budget() -> None:
    check(CompletesAtBudget, a_packet)


class CompletesNever(Driver):
    async def poll(self, _napi: Napi, budget: int) -> int:  # napi-orphan
        return await self.clean(budget)


def test_napi_orphan() -> None:
    check(CompletesNever, a_packet)


class SchedulesItselfAgain(Driver):
    """It keeps the instance, and puts it on the list again: that is allowed."""

    async def poll(self, napi: Napi, budget: int) -> int:
        await self.clean(budget)
        if napi.polls > 3:
            return await super().poll(napi, budget)
        await napi_complete_done(napi, 1)
        napi_schedule(napi)
        return 1


def test_a_poll_that_schedules_itself_is_no_orphan() -> None:
    assert _broken(SchedulesItselfAgain) == set()


def _broken(driver_class: type[Driver]) -> set[str]:
    return set(broken_in(driver_class, a_packet))


# --- 5: completing ---------------------------------------------------------------------------------------------------


class CompletesTwice(Driver):
    async def poll(self, napi: Napi, budget: int) -> int:
        work = await super().poll(napi, budget)
        await napi_complete_done(napi, work)  # napi-complete-twice
        return work


class TakesItAgain(Driver):
    """It looks once more after it has completed, and goes on if it gets the instance back."""

    async def poll(self, napi: Napi, budget: int) -> int:
        work = await self.clean(budget)
        await napi_complete_done(napi, work)
        if napi_schedule_prep(napi):
            work += await self.clean(budget - work)
            if await napi_complete_done(napi, work):
                await self.unmask()
        return work


def test_napi_complete_twice() -> None:
    check(CompletesTwice, a_packet)
    assert _broken(TakesItAgain) == set()


class CompletesWhatIsNotScheduled(Driver):
    async def open(self) -> None:
        await super().open()
        await napi_complete(self.napi)  # napi-complete-unscheduled


class ReleasesByHand(Driver):
    async def poll(self, napi: Napi, budget: int) -> int:
        work = await self.clean(budget)
        napi.state &= ~SCHED
        if await napi_complete_done(napi, work):  # napi-complete-unscheduled
            await self.unmask()
        return work


def test_napi_complete_unscheduled() -> None:
    check(CompletesWhatIsNotScheduled, a_link_change)
    check(ReleasesByHand, a_packet)


class CompletesInAThread(Driver):
    async def open(self) -> None:
        await super().open()
        local_bh_disable()
        napi_schedule(self.napi)
        await napi_complete(self.napi)  # napi-complete-foreign
        await local_bh_enable()


def test_napi_complete_foreign() -> None:
    check(CompletesInAThread, a_link_change)


# --- 6: unmasking ----------------------------------------------------------------------------------------------------


class UnmasksInThePoll(Driver):
    async def poll(self, napi: Napi, budget: int) -> int:
        await writel(RX, self.hw + UNMASK)  # napi-unmask-in-poll
        return await super().poll(napi, budget)


def test_napi_unmask_in_poll() -> None:
    check(UnmasksInThePoll, a_packet)


class IgnoresWhatCompleteSays(Driver):
    async def poll(self, napi: Napi, budget: int) -> int:
        work = await self.clean(budget)
        if work < budget:
            await napi_complete_done(napi, work)
            await writel(RX, self.hw + UNMASK)  # napi-unmask-after-false
        return work

    async def clean(self, budget: int) -> int:
        await spend(PACKET_NS)
        return await super().clean(budget)


def test_napi_unmask_after_false() -> None:
    check(IgnoresWhatCompleteSays, a_packet_and_a_link_change_during_the_poll)


class UnmasksInTheHandler(Driver):
    async def interrupt(self, irq: int, dev_id: object) -> IrqReturn:
        result = await super().interrupt(irq, dev_id)
        await writel(RX | LINK, self.hw + UNMASK)  # napi-unmask-owned
        return result


def test_napi_unmask_owned() -> None:
    check(UnmasksInTheHandler, a_packet)


# --- 7: after completion ---------------------------------------------------------------------------------------------


class RefillsLate(Driver):
    async def refill(self, count: int) -> None:
        pass

    async def poll(self, napi: Napi, budget: int) -> int:
        before = self.taken
        work = await super().poll(napi, budget)
        await writel(before, self.hw + TAIL)  # napi-ring-after-complete
        return work


def test_napi_ring_after_complete() -> None:
    check(RefillsLate, a_packet)


# --- 8: budget 0 -----------------------------------------------------------------------------------------------------


class LooksWithoutBudget(Driver):
    def done(self) -> bool:
        return self.ring.read(0, 1) == b"\1"  # netpoll-rx

    async def clean(self, budget: int) -> int:
        return 0 if not self.done() or not budget else await super().clean(budget)


def test_netpoll_rx() -> None:
    check(LooksWithoutBudget, netpoll)


class CompletesWithoutBudget(Driver):
    async def poll(self, napi: Napi, budget: int) -> int:
        work = await self.clean(budget)
        if await napi_complete_done(napi, work):  # netpoll-complete
            await self.unmask()
        return work


def test_netpoll_complete() -> None:
    check(CompletesWithoutBudget, netpoll)


class UnmasksWithoutBudget(Driver):
    async def poll(self, napi: Napi, budget: int) -> int:
        if not budget:
            await writel(RX, self.hw + UNMASK)  # netpoll-unmask
        return await super().poll(napi, budget)


def test_netpoll_unmask() -> None:
    check(UnmasksWithoutBudget, netpoll)


class CountsWhatItSent(Driver):
    async def poll(self, napi: Napi, budget: int) -> int:  # netpoll-return
        return await super().poll(napi, budget) or 3


def test_netpoll_return() -> None:
    check(CountsWhatItSent, netpoll)


# --- 9: two polls at once --------------------------------------------------------------------------------------------


class WritesTheTailInAThread(Driver):
    async def open(self) -> None:
        await super().open()
        other = self.machine.cpus[1]
        self.computer.at(UP_NS + 1_500, lambda: self.machine.kthread_run(self.kick(), "kick", other))

    async def kick(self) -> None:
        await writel((self.taken - 1) % COUNT, self.hw + TAIL)  # napi-poll-concurrent


def test_napi_poll_concurrent() -> None:
    check(WritesTheTailInAThread, four_packets, cpus=2)


# --- 11, 12, 14: acknowledging and masking ---------------------------------------------------------------------------


class AcknowledgesLate(Driver):
    async def poll(self, napi: Napi, budget: int) -> int:
        work = await self.clean(budget)
        await readl(self.hw + CAUSE)
        if work < budget and await napi_complete_done(napi, work):  # napi-ack-after-scan
            await self.unmask()
        return work


class LooksOnceMore(Driver):
    async def poll(self, napi: Napi, budget: int) -> int:
        work = await self.clean(budget)
        await readl(self.hw + CAUSE)
        work += await self.clean(budget - work)
        if work < budget and await napi_complete_done(napi, work):
            await self.unmask()
        return work


def test_napi_ack_after_scan() -> None:
    check(AcknowledgesLate, a_packet)
    assert _broken(LooksOnceMore) == set()


class SchedulesForAnything(Driver):
    async def interrupt(self, _irq: int, _dev_id: object) -> IrqReturn:
        if not await readl(self.hw + CAUSE):
            return IrqReturn.NONE
        if napi_schedule_prep(self.napi):  # napi-missed-again
            await self.mask()
            schedule_owned(self.napi)
        return IrqReturn.HANDLED


def a_link_change_in_each_of_four_polls(computer: NicComputer, driver: Driver) -> None:
    for count in range(4):
        computer.at(UP_NS + 100 + 8000 * count, computer.receive)
        computer.at(UP_NS + 1200 + 8000 * count, lambda: computer.cause(LINK))


def test_napi_missed_again() -> None:
    check(SchedulesForAnything, three_link_changes_during_the_poll)
    assert broken_in(SchedulesForAnything, a_link_change_in_each_of_four_polls) == {}


class AcknowledgesWhenNothingIsThere(Driver):
    async def interrupt(self, _irq: int, _dev_id: object) -> IrqReturn:
        if not await readl(self.hw + STATUS):
            return IrqReturn.NONE
        if napi_schedule_prep(self.napi):
            await self.mask()
            schedule_owned(self.napi)
        return IrqReturn.HANDLED

    async def poll(self, napi: Napi, budget: int) -> int:  # napi-empty-poll
        if not self.done():
            await readl(self.hw + CAUSE)
        return await super().poll(napi, budget)


def test_napi_empty_poll() -> None:
    check(AcknowledgesWhenNothingIsThere, a_packet)
