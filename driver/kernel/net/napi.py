"""NAPI instances: their state bits, scheduling, completion, enable and disable (net/core/dev.c, Linux 6.19)."""

from __future__ import annotations

import enum
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from driver.kernel.cpu import spend, this_cpu
from driver.kernel.softirq import Vector, raise_softirq_irqoff
from driver.kernel.timer import usleep_range
from driver.kernel.trace import trace_napi_poll

if TYPE_CHECKING:
    from driver.kernel.net.gro import GroNode
    from driver.kernel.net.netdevice import NetDevice

log = logging.getLogger(__name__)

#: Packets that a driver may take in one poll unless it asked for another weight.
NAPI_POLL_WEIGHT = 64

#: NAPI ids start above the CPU numbers (MIN_NAPI_ID in include/net/busy_poll.h, with CONFIG_NR_CPUS=64).
MIN_NAPI_ID = 65


class NapiState(enum.IntFlag):
    """State bits (NAPIF_STATE_*, include/linux/netdevice.h)."""

    SCHED = 1 << 0  #: somebody owns the instance
    MISSED = 1 << 1  #: a schedule was tried while SCHED was set
    DISABLE = 1 << 2  #: napi_disable waits
    NPSVC = 1 << 3  #: netpoll is in poll(), or the instance is disabled
    LISTED = 1 << 4  #: registered
    NO_BUSY_POLL = 1 << 5  #: transmit only: not for busy polling
    IN_BUSY_POLL = 1 << 6  #: a busy poller owns it: do not rearm the interrupt
    PREFER_BUSY_POLL = 1 << 7  #: a user prefers busy polling to softirqs
    THREADED = 1 << 8  #: polled by a thread of its own
    SCHED_THREADED = 1 << 9  #: that thread owns this scheduling
    HAS_NOTIFIER = 1 << 10  #: an IRQ affinity notifier is installed
    THREADED_BUSY_POLL = 1 << 11  #: the thread polls busily


# The state is a plain int, and so are these: IntFlag arithmetic builds an object for each result.
SCHED = int(NapiState.SCHED)
MISSED = int(NapiState.MISSED)
DISABLE = int(NapiState.DISABLE)
NPSVC = int(NapiState.NPSVC)
LISTED = int(NapiState.LISTED)
IN_BUSY_POLL = int(NapiState.IN_BUSY_POLL)
_OWNED = int(NapiState.SCHED | NapiState.SCHED_THREADED | NapiState.PREFER_BUSY_POLL)  #: what ends with a completion
_MODES = int(
    NapiState.PREFER_BUSY_POLL | NapiState.THREADED | NapiState.THREADED_BUSY_POLL
)  #: what ends with disabling

PollFunction = Callable[["Napi", int], Awaitable[int]]


class Napi:
    """A NAPI instance (struct napi_struct).

    Attributes:
        dev: its interface; None for a CPU's backlog.
        weight: packets that one poll may take.
        state: bits of NapiState.
        list_owner: CPU whose poll list it is on, -1 for none.
        polls: calls of poll().
        completed: completions that returned true.
        exhausted: polls that used up their budget.
        packets: work done by all polls.
        budget, work_done, in_poll: of the present or last poll.
        gro: what GRO holds; None until it is used.
    """

    __slots__ = (
        "budget",
        "completed",
        "dev",
        "exhausted",
        "gro",
        "id",
        "in_poll",
        "list_owner",
        "packets",
        "poll",
        "polls",
        "state",
        "weight",
        "work_done",
    )

    def __init__(self, dev: NetDevice | None, poll: PollFunction, weight: int, napi_id: int) -> None:
        self.dev = dev
        self.poll = poll
        self.weight = weight
        self.id = napi_id
        self.state = 0
        self.list_owner = -1
        self.polls = self.completed = self.exhausted = self.packets = 0
        self.budget = self.work_done = 0
        self.in_poll = False
        self.gro: GroNode | None = None

    @property
    def on_list(self) -> bool:
        """Whether it is on a CPU's poll list or on net_rx_action's own."""
        return self.list_owner >= 0


def netif_napi_add_weight(dev: NetDevice, poll: PollFunction, weight: int) -> Napi:
    """Register an instance. It starts disabled: SCHED and NPSVC are set."""
    machine = dev.machine
    napi = Napi(dev, poll, weight, MIN_NAPI_ID + len(machine.napis))
    napi.state = SCHED | NPSVC | LISTED
    machine.napis.append(napi)
    return napi


def netif_napi_add(dev: NetDevice, poll: PollFunction) -> Napi:
    """Register an instance with the usual weight."""
    return netif_napi_add_weight(dev, poll, NAPI_POLL_WEIGHT)


def netif_napi_del(napi: Napi) -> None:
    """Take a disabled instance out of the registry."""
    if not napi.state & SCHED:
        log.warning("netif_napi_del: napi %d is not disabled", napi.id)
    napi.state &= ~LISTED


def napi_enable(napi: Napi) -> None:
    """Allow scheduling. Does not schedule: what happened meanwhile must be latched in the device.

    Raises:
        RuntimeError: it is enabled already (BUG_ON in Linux).
    """
    if not napi.state & SCHED:
        raise RuntimeError(f"kernel BUG: napi_enable of napi {napi.id}, which is enabled")
    napi.state &= ~(SCHED | NPSVC)


async def napi_disable(napi: Napi) -> None:
    """Wait until nobody owns the instance, then own it. Only in task context."""
    napi.state |= DISABLE
    while napi.state & (SCHED | NPSVC):
        await usleep_range(20, 200)
    napi.state |= SCHED | NPSVC
    napi.state &= ~(DISABLE | _MODES)


async def napi_synchronize(napi: Napi) -> None:
    """Wait until it is not scheduled, without keeping it from being scheduled again. Only in task context."""
    while napi.state & SCHED:
        await usleep_range(1000, 1000)


def napi_schedule_prep(napi: Napi) -> bool:
    """Take ownership. False: somebody has it, and MISSED tells them; or it is being disabled, and nothing changes."""
    state = napi.state
    if state & DISABLE:
        return False
    if state & SCHED:
        napi.state = state | MISSED
        return False
    napi.state = state | SCHED
    return True


def __napi_schedule(napi: Napi) -> None:
    """Put an instance that the caller owns on this CPU's poll list, at the tail."""
    cpu = this_cpu()
    softnet = cpu.softnet
    softnet.poll_list.append(napi)
    napi.list_owner = cpu.id
    if not softnet.in_net_rx_action:
        raise_softirq_irqoff(Vector.NET_RX)


def napi_schedule(napi: Napi) -> bool:
    """Schedule the instance unless somebody owns it. Returns whether it did."""
    if not napi_schedule_prep(napi):
        return False
    __napi_schedule(napi)
    return True


async def napi_complete_done(napi: Napi, work_done: int) -> bool:
    """End polling. True: the driver may unmask its interrupt; false: the instance has an owner still or again."""
    rules = this_cpu().machine.rules
    if rules is not None:
        rules.scheduling.complete(napi)
    if napi.state & (NPSVC | IN_BUSY_POLL):
        return False
    if napi.gro is not None:
        await napi.gro.gro_flush_normal(flush_old=False)
    if napi.on_list:
        _unlist(napi)
    missed = napi.state & MISSED
    napi.state &= ~(MISSED | _OWNED)
    if missed:
        napi.state |= SCHED
        __napi_schedule(napi)
        return False
    napi.completed += 1
    return True


async def napi_complete(napi: Napi) -> bool:
    """napi_complete_done for a driver that does not count its work."""
    return await napi_complete_done(napi, 0)


def _unlist(napi: Napi) -> None:
    """list_del_init of an instance that completes while it is on a poll list."""
    softnet = this_cpu().machine.cpus[napi.list_owner].softnet
    for queue in (softnet.poll_list, softnet.polling, softnet.repoll):
        if napi in queue:
            queue.remove(napi)
    napi.list_owner = -1


async def napi_poll(napi: Napi, repoll: list[Napi]) -> int:
    """Poll an instance that was taken off the list, and put it on ``repoll`` if it used up its budget.

    Returns:
        The work that counts against net_rx_action's budget.
    """
    napi.list_owner = -1
    work, again = await __napi_poll(napi)
    if not again:
        return work
    if napi.on_list:
        log.warning("%s: Budget exhausted after napi rescheduled", napi.dev.name if napi.dev else "backlog")
        return work
    napi.list_owner = this_cpu().id
    repoll.append(napi)
    return work


async def __napi_poll(napi: Napi) -> tuple[int, bool]:
    """Call poll() and judge what it returned: the work, and whether to poll again."""
    weight = napi.weight
    work = 0
    if napi.state & SCHED:
        napi.in_poll, napi.budget = True, weight
        machine = this_cpu().machine
        await spend(machine.costs.napi_poll)
        if machine.rules is not None:
            machine.rules.scheduling.poll_begins(napi)
        work = await napi.poll(napi, weight)
        if machine.rules is not None:
            machine.rules.scheduling.poll_returned(napi, work, weight)
        napi.in_poll, napi.work_done = False, work
        napi.polls += 1
        napi.packets += work
        trace_napi_poll(napi, work, weight)
    if work > weight:
        log.error("NAPI poll function %s returned %d, exceeding its budget of %d.", napi.poll, work, weight)
        work = weight
    if work < weight:
        return work, False
    napi.exhausted += 1
    if napi.state & DISABLE:
        await napi_complete(napi)
        return work, False
    if napi.gro is not None:
        await napi.gro.gro_flush_normal(flush_old=this_cpu().machine.sysctl.hz >= 1000)
    return work, True
