"""NAPI's state against a second statement of its rules, in terms of who owns the instance, in any order of events."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from driver.kernel.net.busy_poll import napi_busy_loop
from driver.kernel.net.napi import (
    Napi,
    NapiState,
    napi_complete_done,
    napi_disable,
    napi_enable,
    napi_schedule,
    napi_watchdog,
)
from driver.kernel.net.netpoll import netpoll_poll_dev
from driver.kernel.softirq import local_bh_disable, local_bh_enable
from tests.kernel.net.test_napi import add_device
from tests.kernel.support import Computer


class Owner(enum.Enum):
    """Who may poll the instance."""

    NOBODY = enum.auto()
    SOFTIRQ = enum.auto()
    BUSY_POLLER = enum.auto()
    DISABLER = enum.auto()


class Rules:
    """The rules, said once more.

    Attributes:
        owner: who has the instance.
        called: somebody wanted it scheduled while it had an owner.
        disabling: somebody waits to disable it.
        preferred: a busy poller asked for it.
        netpoll: netpoll is inside poll().
        credit: empty polls until the interrupt is unmasked.
        timer: it is armed.
    """

    def __init__(self) -> None:
        self.owner = Owner.NOBODY
        self.called = self.disabling = self.preferred = self.netpoll = self.timer = False
        self.credit = self.defer = self.timeout = 0

    def wants(self) -> bool:
        """The device calls, or a driver schedules: may the caller schedule it?"""
        if self.disabling:
            return False
        if self.owner is not Owner.NOBODY:
            self.called = True
            return False
        self.owner = Owner.SOFTIRQ
        return True

    def expires(self) -> None:
        """The timer fires."""
        self.timer = False
        if self.owner is Owner.NOBODY and not self.disabling:
            self.owner = Owner.SOFTIRQ
            self.preferred = False

    def completes(self, work: int) -> bool:
        """The driver is done for now: may it unmask?"""
        if self.netpoll or self.owner in (Owner.BUSY_POLLER, Owner.DISABLER):
            return False
        if work:
            self.credit = self.defer
        deferred = self.credit > 0
        self.credit -= deferred
        self.preferred = False
        if self.called:
            self.called = False
            return False
        self.owner = Owner.NOBODY
        if deferred and self.timeout:
            self.timer = True
            return False
        return True

    def returns(self, work: int, budget: int) -> None:
        """The softirq's poll() is over; without packets left nothing happens that the driver has not done."""
        if work < budget or self.owner is Owner.BUSY_POLLER or self.netpoll:
            return
        if self.disabling:
            self.completes(0)
        elif self.preferred and self.completes(work):
            self.wants()

    def busy_poller_comes(self, *, prefers: bool) -> None:
        """A round of a busy loop begins by a thread that does not have the instance."""
        if self.owner is Owner.NOBODY and not self.disabling:
            self.owner = Owner.BUSY_POLLER
        elif prefers:
            self.preferred = True

    def busy_poller_leaves(self, *, prefers: bool) -> None:
        """It stops; its last poll comes after this, and counts as one of the softirq."""
        self.owner = Owner.SOFTIRQ
        self.called = False
        if prefers:
            self.credit = self.defer
            self.timer = self.timer or bool(self.defer and self.timeout)

    def last_busy_poll(self, *, full: bool, prefers: bool) -> None:
        """Its last poll is over."""
        if full and prefers and self.defer and self.timeout:
            self.owner = Owner.NOBODY  # the timer goes on

    def disabled(self) -> None:
        """napi_disable returns."""
        assert self.owner is Owner.NOBODY
        self.owner = Owner.DISABLER
        self.disabling = self.preferred = self.timer = False

    def state(self) -> NapiState:
        """The bits that say all this."""
        state = NapiState.LISTED
        state |= NapiState.SCHED if self.owner is not Owner.NOBODY else 0
        state |= NapiState.NPSVC if self.owner is Owner.DISABLER or self.netpoll else 0
        state |= NapiState.IN_BUSY_POLL if self.owner is Owner.BUSY_POLLER else 0
        state |= NapiState.MISSED if self.called else 0
        state |= NapiState.DISABLE if self.disabling else 0
        state |= NapiState.PREFER_BUSY_POLL if self.preferred else 0
        return NapiState(state)


EVENTS = ("interrupt", "timer", "disable")


@dataclass(frozen=True)
class Poll:
    """What one call of poll() does: what happens before it completes, its work, what happens after."""

    during: tuple[str, ...] = ()
    work: int = 0
    full: bool = False
    late: tuple[str, ...] = ()


polls = st.builds(
    Poll,
    during=st.lists(st.sampled_from(EVENTS), max_size=2).map(tuple),
    work=st.integers(0, 7),
    full=st.booleans(),
    late=st.lists(st.sampled_from(EVENTS[:2]), max_size=2).map(tuple),
)


class Ownership(RuleBasedStateMachine):
    """Whatever happens to an instance, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.computer = Computer(cpu_relax=1)
        self.napi = add_device(self.computer, self.poll)
        assert self.napi.dev is not None
        self.napi.dev.running = True
        self.napi.timer.function = self.timer_fires
        self.law = Rules()
        self.plans: list[Poll] = []
        self.leaving: tuple[bool, int] | None = None  # of a busy poller that was told to stop: prefers, its budget
        self.busy: bool | None = None  # a busy loop runs: prefers
        self.inside = False

    # --- the driver ---------------------------------------------------------------------------------------------------

    async def poll(self, napi: Napi, budget: int) -> int:
        assert not self.inside, "two of them inside poll()"
        self.inside = True
        law = self.law
        if self.busy is not None and self.leaving is None and law.owner is Owner.NOBODY and budget:
            law.busy_poller_comes(prefers=self.busy)
        law.netpoll = budget == 0
        assert law.netpoll or law.owner in (Owner.SOFTIRQ, Owner.BUSY_POLLER), "nobody may poll now"
        plan = self.plans.pop(0) if self.plans else Poll()
        for event in plan.during:
            self.happens(event)
        work = budget if plan.full else min(plan.work, budget)
        if work < budget:
            expected = law.completes(work)
            assert await napi_complete_done(napi, work) is expected
            for event in plan.late:
                self.happens(event)
        last = self.leaving is not None and self.leaving[1] == budget
        if last:
            assert self.leaving is not None
            law.last_busy_poll(full=work == budget, prefers=self.leaving[0])
            self.leaving = None
        elif budget:
            law.returns(work, budget)
        self.inside = law.netpoll = False
        return work

    def happens(self, event: str) -> None:
        """Something from outside, between two instructions of a poll or of whatever runs."""
        if event == "interrupt":
            expected = self.law.wants()
            assert napi_schedule(self.napi) is expected
        elif event == "timer":
            self.napi.timer.cancel()
            self.timer_fires()
        elif not self.law.disabling and self.law.owner is not Owner.DISABLER and not self.law.netpoll:
            self.law.disabling = True
            self.napi.state |= NapiState.DISABLE  # the first thing that napi_disable does
            self.computer.spawn(self.disable_thread())

    def timer_fires(self) -> None:
        self.law.expires()
        napi_watchdog(self.napi)

    async def disable_thread(self) -> None:
        await napi_disable(self.napi)
        self.law.disabled()

    # --- what may happen ----------------------------------------------------------------------------------------------

    def let_run(self, ns: int = 100) -> None:
        self.computer.run(self.computer.machine.now + ns)

    @rule(plan=st.lists(polls, max_size=13))
    def plan_polls(self, plan: list[Poll]) -> None:
        self.plans += plan

    @rule(event=st.sampled_from(EVENTS[:2]))
    def in_a_thread(self, event: str) -> None:
        async def thread() -> None:
            local_bh_disable()
            self.happens(event)
            await local_bh_enable()

        self.computer.spawn(thread())
        self.let_run()

    @rule(ns=st.sampled_from([1000, 30_000, 200_000]))
    def time_passes(self, ns: int) -> None:
        self.let_run(ns)

    @rule(defer=st.integers(0, 3), timeout=st.sampled_from([0, 0, 10_000, 50_000]))
    def settings_change(self, defer: int, timeout: int) -> None:
        self.law.defer = self.napi.defer_hard_irqs = defer
        self.law.timeout = self.napi.gro_flush_timeout = timeout

    @rule(prefers=st.booleans(), rounds=st.integers(1, 4), budget=st.sampled_from([8, 3]))
    def busy_poll(self, prefers: bool, rounds: int, budget: int) -> None:
        left = rounds

        def loop_end(_start: int) -> bool:
            nonlocal left
            if self.law.owner is not Owner.BUSY_POLLER:  # it was not there for the taking in this round
                self.law.busy_poller_comes(prefers=prefers)
            left -= 1
            if left:
                return False
            if self.law.owner is Owner.BUSY_POLLER:
                self.law.busy_poller_leaves(prefers=prefers)
                self.leaving = prefers, budget
            return True

        async def thread() -> None:
            self.busy = prefers
            await napi_busy_loop(self.napi.id, loop_end, prefer_busy_poll=prefers, budget=budget)
            self.busy = None

        if self.law.owner is Owner.DISABLER:
            return
        self.computer.spawn(thread())
        self.let_run()

    @precondition(lambda self: self.law.owner is not Owner.DISABLER)
    @rule()
    def netpoll(self) -> None:
        async def thread() -> None:
            assert self.napi.dev is not None
            await netpoll_poll_dev(self.napi.dev)

        self.computer.spawn(thread())
        self.let_run()

    @rule()
    def disable(self) -> None:
        self.happens("disable")
        self.let_run()

    @precondition(lambda self: self.law.owner is Owner.DISABLER)
    @rule()
    def enable(self) -> None:
        napi_enable(self.napi)
        self.law.owner = Owner.NOBODY

    @invariant()
    def the_bits_say_what_the_rules_say(self) -> None:
        assert NapiState(self.napi.state) == self.law.state()
        assert (self.napi.timer.base is not None) is self.law.timer
        assert self.napi.defer_hard_irqs_count == self.law.credit
        # What the softirq owns, it has polled by now: nothing lies about with an owner who has forgotten it.
        assert self.law.owner in (Owner.NOBODY, Owner.DISABLER)
        assert not self.napi.on_list


TestOwnership = Ownership.TestCase
TestOwnership.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
