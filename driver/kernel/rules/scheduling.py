"""Rules 1 to 9, 11, 12 and 14: scheduling, polling, completing, unmasking (net/core/dev.c, networking/napi.rst)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel import cpu
from driver.kernel.net.napi import DISABLE, MISSED, NPSVC, SCHED
from driver.kernel.rules.place import Spot, called_by_driver, driver_spot, function_line, line_of
from driver.kernel.rules.rule import Level, Rule

if TYPE_CHECKING:
    from driver.kernel.cpu import Context
    from driver.kernel.net.napi import Napi
    from driver.kernel.rules.bus import Access, Device
    from driver.kernel.rules.checker import Checker
    from driver.kernel.rules.interrupts import HandlerCall
    from driver.kernel.rules.ring_state import Ring

_CORE = "net/core/dev.c, "
_NAPI_RST = "Documentation/networking/napi.rst"

#: Interrupts during one poll that only set MISSED, before they are found to be too many.
MISSED_LIMIT = 3

NAPI_SCHEDULE_UNMASKED = Rule(
    name="napi-schedule-unmasked",
    invariant=1,
    level=Level.ERROR,
    demands="the handler masks the interrupt of a NAPI instance before it calls __napi_schedule",
    mend="Write the device's mask register between napi_schedule_prep and __napi_schedule.",
    source=_NAPI_RST,
)

NAPI_MASK_UNSCHEDULED = Rule(
    name="napi-mask-unscheduled",
    invariant=1,
    level=Level.WARN,  # harmless if the poll unmasks: it comes again, since MISSED is set
    demands="the handler masks the interrupt of a NAPI instance only if napi_schedule_prep returned true",
    mend="Call napi_schedule_prep first, and write the mask register only if it returns true.",
    source=_NAPI_RST,
)

NAPI_SCHEDULE_UNOWNED = Rule(
    name="napi-schedule-unowned",
    invariant=2,
    level=Level.ERROR,
    demands="__napi_schedule is called by whom napi_schedule_prep returned true to, once",
    mend="Call napi_schedule, or __napi_schedule only if your own napi_schedule_prep returned true.",
    source=_CORE + "____napi_schedule",
)

NAPI_PREP_UNSCHEDULED = Rule(
    name="napi-prep-unscheduled",
    invariant=2,
    level=Level.ERROR,
    demands="whoever napi_schedule_prep returned true to calls __napi_schedule: else nobody can ever schedule it again",
    mend="Call __napi_schedule on every path after napi_schedule_prep returned true.",
    source=_CORE + "napi_schedule_prep",
)

NAPI_POLL_BUDGET = Rule(
    name="napi-poll-budget",
    invariant=3,
    level=Level.ERROR,
    demands="poll() returns how many packets it took, at most its budget",
    mend="Stop the receive loop when it has taken `budget` packets, and return that number.",
    source=_CORE + "__napi_poll",
    prints="{dev}: NAPI poll function {function} returned {work}, exceeding its budget of {budget}.",
)

NAPI_POLL_NEGATIVE = Rule(
    name="napi-poll-negative",
    invariant=3,
    level=Level.ERROR,
    demands="poll() does not return an error: less than 0 gives net_rx_action more to do than its budget",
    mend="Return the number of packets taken so far, and deal with the error in a work item or a timer.",
    source=_CORE + "net_rx_action",
)

NAPI_COMPLETE_AT_BUDGET = Rule(
    name="napi-complete-at-budget",
    invariant=4,
    level=Level.ERROR,
    demands="a poll() that returns its whole budget has not called napi_complete_done: the core polls it again",
    mend="Call napi_complete_done only if work_done < budget; or having called it, return budget - 1.",
    source=_NAPI_RST,
)

NAPI_ORPHAN = Rule(
    name="napi-orphan",
    invariant=4,
    level=Level.ERROR,
    demands="a poll() that returns less than its budget has called napi_complete_done: else nobody ever polls it again",
    mend="Call napi_complete_done before you return less than the budget, and unmask if it returns true.",
    source=_CORE + "__napi_poll",
)

NAPI_COMPLETE_TWICE = Rule(
    name="napi-complete-twice",
    invariant=5,
    level=Level.ERROR,
    demands="a poll() calls napi_complete_done once: after the first call the instance may be another CPU's",
    mend="Return after napi_complete_done, and let no helper that poll() calls complete as well.",
    source=_CORE + "napi_complete_done",
)

NAPI_COMPLETE_UNSCHEDULED = Rule(
    name="napi-complete-unscheduled",
    invariant=5,
    level=Level.ERROR,
    demands="only an instance that is scheduled is completed",
    mend="Call napi_complete_done in poll() only, and never change napi->state yourself.",
    source=_CORE + "napi_complete_done",
    prints="WARNING: net/core/dev.c at napi_complete_done",
)

NAPI_COMPLETE_FOREIGN = Rule(
    name="napi-complete-foreign",
    invariant=5,
    level=Level.ERROR,
    demands="only who polls an instance completes it",
    mend="Leave napi_complete_done to poll(); to make an instance stop, call napi_disable in a thread.",
    source=_CORE + "napi_complete_done",
)

NAPI_UNMASK_IN_POLL = Rule(
    name="napi-unmask-in-poll",
    invariant=6,
    level=Level.ERROR,
    demands="poll() unmasks after napi_complete_done, not before: an interrupt while it polls is one too many",
    mend="Move the write that unmasks behind napi_complete_done, and do it only if that returns true.",
    source="drivers/net/ethernet/intel/e1000e/netdev.c, e1000e_poll",
)

NAPI_UNMASK_AFTER_FALSE = Rule(
    name="napi-unmask-after-false",
    invariant=6,
    level=Level.ERROR,
    demands="poll() unmasks only if napi_complete_done returned true: else it is, or will be, polled again",
    mend="Write `if (napi_complete_done(napi, work_done)) unmask();`.",
    source=_NAPI_RST,
)

NAPI_UNMASK_OWNED = Rule(
    name="napi-unmask-owned",
    invariant=6,
    level=Level.ERROR,
    demands="a handler does not unmask the interrupt of an instance that is scheduled or being polled",
    mend="Leave the mask as it is at the end of the handler; poll() unmasks when it is done.",
    source=_NAPI_RST,
)

NAPI_RING_AFTER_COMPLETE = Rule(
    name="napi-ring-after-complete",
    invariant=7,
    level=Level.ERROR,
    demands="after napi_complete_done poll() does not change the receive ring: another CPU may be polling it already",
    mend="Refill the ring and write its tail before napi_complete_done.",
    source=_NAPI_RST,
)

NETPOLL_RX = Rule(
    name="netpoll-rx",
    invariant=8,
    level=Level.ERROR,
    demands="a poll() with a budget of 0 does not touch the receive ring",
    mend="Enter the receive loop only while work_done < budget, and look at the ring within it.",
    source="net/core/netpoll.c",
)

NETPOLL_COMPLETE = Rule(
    name="netpoll-complete",
    invariant=8,
    level=Level.ERROR,
    demands="a poll() with a budget of 0 does not call napi_complete_done",
    mend="Call napi_complete_done only if work_done < budget, which 0 < 0 is not.",
    source=_NAPI_RST,
)

NETPOLL_UNMASK = Rule(
    name="netpoll-unmask",
    invariant=8,
    level=Level.ERROR,
    demands="a poll() with a budget of 0 does not unmask",
    mend="Unmask only after napi_complete_done returned true, and call that only if work_done < budget.",
    source="net/core/netpoll.c",
)

NETPOLL_RETURN = Rule(
    name="netpoll-return",
    invariant=8,
    level=Level.ERROR,
    demands="a poll() with a budget of 0 returns 0, whatever it reclaimed",
    mend="Do not add reclaimed packets to the number that poll() returns.",
    source="net/core/netpoll.c, poll_one_napi",
    prints="{function} exceeded budget in poll",
)

NAPI_POLL_CONCURRENT = Rule(
    name="napi-poll-concurrent",
    invariant=9,
    level=Level.ERROR,
    demands="while poll() runs nobody else works on its ring: it belongs to who owns the instance",
    mend="Let poll() do it: call napi_schedule from the timer or thread that wants it done.",
    source=_CORE + "NAPI_STATE_SCHED",
)

NAPI_ACK_AFTER_SCAN = Rule(
    name="napi-ack-after-scan",
    invariant=11,
    level=Level.ERROR,
    demands="poll() acknowledges receive causes before it looks at the ring: a packet in between is never seen",
    mend="Acknowledge at the start of poll(), or look at the ring once more after it.",
    source="drivers/net/ethernet/realtek/8139cp.c, cp_rx_poll",
)

NAPI_MISSED_AGAIN = Rule(
    name="napi-missed-again",
    invariant=12,
    level=Level.WARN,
    demands="while an instance is polled its device does not interrupt for it again and again",
    mend="Find out whether the mask reaches the device, and call napi_schedule only for causes that poll() serves.",
    source=_CORE + "napi_schedule_prep",
)

NAPI_EMPTY_POLL = Rule(
    name="napi-empty-poll",
    invariant=14,
    level=Level.IGNORE,  # a question of performance; and one that every driver has to answer with yes now and then
    demands="the poll after an interrupt finds something",
    mend="Acknowledge before you look at the ring for the last time; count these polls, and expect a few.",
    source="NAPI_HOWTO.txt of 2002",
)


class Poll:
    """A call of poll().

    Attributes:
        outer: another instance's poll, in whose midst this one is.
        completions: calls of napi_complete_done.
        completed_at: the last of them.
        released: it returned true, and the instance has not been taken again.
        late_ack: receive causes were acknowledged, and the ring was not looked at since.
    """

    __slots__ = ("budget", "completed_at", "completions", "late_ack", "napi", "outer", "released")

    def __init__(self, napi: Napi, budget: int, outer: Poll | None) -> None:
        self.napi = napi
        self.budget = budget
        self.outer = outer
        self.completions = 0
        self.completed_at: Spot | None = None
        self.released = self.late_ack = False


class SchedulingRules:
    """What NAPI instances do.

    Attributes:
        completed_at: where each instance was given up last.
        watched: polls whose next look at the ring is of interest.
    """

    def __init__(self, checker: Checker) -> None:
        self._checker = checker
        self._broken = checker.broken
        self._polls: dict[Context, Poll] = {}
        self._granted: dict[Napi, tuple[Context, Spot | None]] = {}  # prep returned true, and to whom
        self._missed: dict[Napi, int] = {}  # since its last poll began
        self._from_irq: set[Napi] = set()  # scheduled by a handler for receive causes, and not polled yet
        self.watched: dict[Poll, None] = {}
        self.completed_at: dict[Napi, Spot | None] = {}
        checker.bus.listeners.append(self._access)

    # --- scheduling ------------------------------------------------------------------------------------------------

    def prep(self, napi: Napi, *, taken: bool) -> None:
        """napi_schedule_prep is about to return this; the state has changed already."""
        context = _context()
        if context is None:
            return
        handler = self._checker.interrupts.running(context)
        if handler is not None:
            handler.prepared[napi] = taken
        if taken:
            self._granted[napi] = context, driver_spot()
            poll = self._polls.get(context)
            if poll is not None and poll.napi is napi:
                poll.released = False
        elif handler is not None and napi.state & MISSED:
            self._missed[napi] = missed = self._missed.get(napi, 0) + 1
            if missed == MISSED_LIMIT:
                self._broken(
                    NAPI_MISSED_AGAIN, f"{_name(napi)}: {missed} interrupts wanted to schedule it during one poll"
                )

    def schedule(self, napi: Napi) -> None:
        """__napi_schedule was called."""
        context = _context()
        granted = self._granted.pop(napi, None)
        if context is None:
            return
        if called_by_driver() and (granted is None or granted[0] is not context):
            self._broken(NAPI_SCHEDULE_UNOWNED, f"{_name(napi)} is scheduled by who does not own it")
        handler = self._checker.interrupts.running(context)
        if handler is not None:
            self._scheduled_by_handler(napi, handler)

    def _scheduled_by_handler(self, napi: Napi, handler: HandlerCall) -> None:
        device = self._checker.bus.device_of(napi.dev)
        if device is None or self._checker.interrupts.scheduled(handler, device):
            return
        unmasked = device.enabled & device.causes_of(napi)
        if unmasked and not self._checker.machine.irqs.desc(device.irq).depth:
            self._broken(
                NAPI_SCHEDULE_UNMASKED, f"{_name(napi)} is scheduled, and causes {unmasked:#x} still interrupt"
            )
        if handler.status_of(device) & ~device.registers.tx_causes & device.registers.rx_causes:
            self._from_irq.add(napi)

    def handler_returned(self, handler: HandlerCall) -> None:
        """A handler returned: what it took it must have scheduled."""
        for napi, taken in handler.prepared.items():
            granted = self._granted.get(napi)
            if taken and granted is not None and granted[0] is handler.context:
                del self._granted[napi]
                what = f"{_name(napi)} is owned by a handler that has returned, and on no list"
                self._broken(NAPI_PREP_UNSCHEDULED, what, where=line_of(granted[1]))
            elif not taken:
                self._masked_in_vain(napi, handler)

    def _masked_in_vain(self, napi: Napi, handler: HandlerCall) -> None:
        device = self._checker.bus.device_of(napi.dev)
        if device is None or napi.state & (DISABLE | NPSVC) or napi.dev is None or not napi.dev.running:
            return
        causes = device.causes_of(napi)
        if handler.masked_in(device) & causes and not device.enabled & causes:
            self._broken(
                NAPI_MASK_UNSCHEDULED,
                f"{_name(napi)}: causes {causes:#x} are masked by a handler that does not own it",
                where=line_of(handler.masked_at),
            )

    def idle(self) -> None:
        """Nothing runs any more: who was to schedule an instance will not."""
        while self._granted:
            napi, (_, spot) = self._granted.popitem()
            what = f"{_name(napi)} was taken with napi_schedule_prep, and is on no list"
            self._broken(NAPI_PREP_UNSCHEDULED, what, where=line_of(spot))

    # --- polling ---------------------------------------------------------------------------------------------------

    def poll_begins(self, napi: Napi, budget: int) -> None:
        """poll() is about to be called."""
        context = _context()
        if napi.dev is None or context is None:  # the backlog keeps its state itself
            return
        for poll in self._polls.values():
            if poll.napi is napi and not poll.released:
                self._broken(NAPI_POLL_CONCURRENT, f"{_name(napi)} is polled by two", where=function_line(napi.poll))
        self._missed.pop(napi, None)
        poll = self._polls[context] = Poll(napi, budget, self._polls.get(context))
        if not budget:
            self.watched[poll] = None

    def complete(self, napi: Napi) -> None:
        """napi_complete_done was called."""
        context = _context()
        if context is None or not called_by_driver("napi_complete"):
            return
        poll = self._polls.get(context)
        if poll is None or poll.napi is not napi:
            if not napi.state & SCHED:
                self._broken(NAPI_COMPLETE_UNSCHEDULED, f"{_name(napi)} is completed, and nobody had scheduled it")
            else:
                self._broken(NAPI_COMPLETE_FOREIGN, f"{_name(napi)} is completed outside of its poll()")
            return
        poll.completions += 1
        poll.completed_at = driver_spot()
        if not poll.budget:
            self._broken(NETPOLL_COMPLETE, f"{_name(napi)} is completed in a poll with a budget of 0")
        elif self._owns(poll):
            del self._granted[napi]  # it had taken it again, and went on
        elif poll.completions > 1:
            self._broken(NAPI_COMPLETE_TWICE, f"{_name(napi)} is completed twice in one poll()")
        elif not napi.state & SCHED:
            self._broken(NAPI_COMPLETE_UNSCHEDULED, f"{_name(napi)} is completed, and it is not scheduled any more")

    def completed(self, napi: Napi) -> None:
        """napi_complete_done is about to return true."""
        context = _context()
        poll = self._polls.get(context) if context is not None else None
        if poll is not None and poll.napi is napi:
            poll.released = True
            self.completed_at[napi] = poll.completed_at

    def poll_returned(self, napi: Napi, work: int, budget: int) -> None:
        """poll() returned."""
        context = _context()
        poll = self._polls.pop(context, None) if context is not None else None
        if context is None or poll is None:
            return
        self.watched.pop(poll, None)
        if poll.outer is not None:
            self._polls[context] = poll.outer
        if budget:
            self._judge_return(poll, work)
            self._judge_emptiness(poll, work)
        elif work:
            function = napi.poll
            what = f"{_name(napi)}: poll() returned {work}, its budget was 0"
            self._broken(NETPOLL_RETURN, what, where=function_line(function), function=_function(napi))
        if poll.late_ack and poll.released:
            what = f"{_name(napi)}: receive causes were acknowledged after the last look at the ring"
            self._broken(NAPI_ACK_AFTER_SCAN, what, where=line_of(poll.completed_at))

    def _judge_return(self, poll: Poll, work: int) -> None:
        napi, budget = poll.napi, poll.budget
        if work > budget:
            self._broken(
                NAPI_POLL_BUDGET,
                f"{_name(napi)}: poll() returned {work}, its budget was {budget}",
                where=function_line(napi.poll),
                dev=napi.name,
                function=_function(napi),
                work=work,
                budget=budget,
            )
        elif work < 0:
            self._broken(NAPI_POLL_NEGATIVE, f"{_name(napi)}: poll() returned {work}", where=function_line(napi.poll))
        if work >= budget and poll.completions:
            what = f"{_name(napi)}: poll() called napi_complete_done and returned its whole budget of {budget}"
            self._broken(NAPI_COMPLETE_AT_BUDGET, what, where=function_line(napi.poll))
        if work < budget and not poll.completions:
            what = f"{_name(napi)}: poll() returned {work}, less than its budget of {budget}, without completing"
            self._broken(NAPI_ORPHAN, what, where=function_line(napi.poll))

    def _judge_emptiness(self, poll: Poll, work: int) -> None:
        napi = poll.napi
        if napi in self._from_irq:
            self._from_irq.discard(napi)
            if not work:
                what = f"{_name(napi)}: the poll after an interrupt found nothing"
                self._broken(NAPI_EMPTY_POLL, what, where=function_line(napi.poll))

    # --- what it does to its device --------------------------------------------------------------------------------

    def descriptor_read(self, ring: Ring) -> None:
        """The running code looks at a descriptor, while ``watched`` is not empty."""
        context = _context()
        poll = self._polls.get(context) if context is not None else None
        if poll is None or poll not in self.watched or not ring.registers.receives:
            return
        if poll.napi.dev is None or poll.napi.dev.parent is not ring.dev:
            return
        del self.watched[poll]
        poll.late_ack = False
        if not poll.budget:
            self._broken(NETPOLL_RX, f"{_name(poll.napi)}: a poll with a budget of 0 reads the ring")

    def _access(self, access: Access) -> None:
        means = access.means
        if access.context is None:
            return
        poll = self._polls.get(access.context)
        if means.rx_tail is not None:
            self._look_for_others(poll, access)
        if poll is not None and self._checker.bus.device_of(poll.napi.dev) is access.device:
            self._access_in_poll(poll, access)
        elif means.unmasks and self._checker.interrupts.running(access.context) is not None:
            for napi in self._checker.bus.napis_of(access.device):
                owned = napi.state & SCHED and not napi.state & NPSVC
                if owned and means.unmasks & access.device.causes_of(napi):
                    self._broken(NAPI_UNMASK_OWNED, f"{_name(napi)} is scheduled, and a handler unmasks its interrupt")

    def _look_for_others(self, mine: Poll | None, access: Access) -> None:
        """The tail of a receive ring is written: by who polls it?"""
        for poll in self._polls.values():
            if poll is not mine and not poll.released and self._checker.bus.device_of(poll.napi.dev) is access.device:
                what = f"{_name(poll.napi)}: the tail of its ring is set to {access.means.rx_tail} while poll() runs"
                self._broken(NAPI_POLL_CONCURRENT, what)

    def _access_in_poll(self, poll: Poll, access: Access) -> None:
        means, device, napi = access.means, access.device, poll.napi
        if means.acknowledges & device.registers.rx_causes:
            poll.late_ack = self._checker.rings.known(device.slot)  # else nobody can tell
            self.watched[poll] = None
        if means.rx_tail is not None and poll.completions and not self._owns(poll):
            what = f"{_name(napi)}: the tail of the receive ring is set to {means.rx_tail} after napi_complete_done"
            self._broken(NAPI_RING_AFTER_COMPLETE, what)
        if means.unmasks & device.causes_of(napi):
            self._unmask_in_poll(poll, device)

    def _unmask_in_poll(self, poll: Poll, device: Device) -> None:
        causes = device.causes_of(poll.napi)
        if not poll.budget:
            self._broken(NETPOLL_UNMASK, f"{_name(poll.napi)}: a poll with a budget of 0 unmasks causes {causes:#x}")
        elif not poll.completions:
            what = f"{_name(poll.napi)}: causes {causes:#x} are unmasked in the middle of poll()"
            self._broken(NAPI_UNMASK_IN_POLL, what)
        elif not poll.released:
            what = f"{_name(poll.napi)}: causes {causes:#x} are unmasked, and napi_complete_done returned false"
            self._broken(NAPI_UNMASK_AFTER_FALSE, what)

    def _owns(self, poll: Poll) -> bool:
        """Whether a poll that completed has taken its instance again."""
        granted = self._granted.get(poll.napi)
        return granted is not None and granted[0] is _context()


def _context() -> Context | None:
    running = cpu.running()
    return running.stack[-1] if running is not None and running.stack else None


def _name(napi: Napi) -> str:
    return f"{napi.name}, napi {napi.id}"


def _function(napi: Napi) -> str:
    return getattr(napi.poll, "__qualname__", repr(napi.poll))
