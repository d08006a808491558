"""Wrong drivers for rules 10 and 13: packets and interrupts that nobody is going to see."""

from __future__ import annotations

from driver.kernel.io import readl, writel
from driver.kernel.net.napi import Napi, napi_complete_done
from tests.kernel.rules.small_driver import Driver
from tests.kernel.rules.small_nic import CAUSE, RX, STATUS, UNMASK, NicComputer
from tests.kernel.rules.support import UP_NS, broken_in, check
from tests.kernel.rules.test_scheduling import a_packet


class ClearsStaleCausesLate(Driver):
    """A packet that comes between the receiver's start and here has no cause any more."""

    async def unmask(self) -> None:
        if not self.taken:
            await readl(self.hw + STATUS)  # the receiver is on
            self.computer.receive()
            await readl(self.hw + CAUSE)
        await super().unmask()

    async def poll(self, napi: Napi, budget: int) -> int:  # napi-rotting-packet
        return await super().poll(napi, budget)


def nothing(_computer: NicComputer, _driver: Driver) -> None:
    pass


def test_napi_rotting_packet() -> None:
    check(ClearsStaleCausesLate, nothing)


class ForgetsToUnmask(Driver):
    async def poll(self, napi: Napi, budget: int) -> int:
        work = await self.clean(budget)
        if work < budget:
            await napi_complete_done(napi, work)  # napi-lost-wakeup
        return work


class HasATimer(ForgetsToUnmask):
    """The interrupt stays masked, and a timer polls."""

    async def open(self) -> None:
        await super().open()
        self.napi.gro_flush_timeout = 20_000
        self.napi.defer_hard_irqs = 1

    async def poll(self, napi: Napi, budget: int) -> int:
        work = await super().poll(napi, budget)
        if not work:
            await writel(RX, self.hw + UNMASK)
        return work


def test_napi_lost_wakeup() -> None:
    check(ForgetsToUnmask, a_packet)


def a_few_packets(computer: NicComputer, driver: Driver) -> None:
    for time in range(100, 60_000, 9_700):
        computer.at(UP_NS + time, computer.receive)


def test_deferred_interrupts_are_no_lost_wakeup() -> None:
    assert set(broken_in(HasATimer, a_few_packets)) <= {"napi-empty-poll"}
