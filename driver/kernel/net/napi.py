"""NAPI instances: their state bits, scheduling, polling, completion, enable and disable.

All of it is net/core/dev.c of Linux 6.19.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from driver.kernel.cpu import cpu_relax, spend, this_cpu
from driver.kernel.printk import printk_once
from driver.kernel.sched import kthread_stop, wake_up_process
from driver.kernel.softirq import Vector, raise_softirq_irqoff
from driver.kernel.timer import Hrtimer, usleep_range
from driver.kernel.trace import trace_napi_poll

if TYPE_CHECKING:
    from driver.kernel.net.gro import GroNode
    from driver.kernel.net.netdevice import NetDevice
    from driver.kernel.sched import Task

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


class NapiThreaded(enum.IntEnum):
    """Who polls (enum netdev_napi_threaded)."""

    DISABLED = 0  #: the NET_RX softirq
    ENABLED = 1  #: a thread, when scheduled
    BUSY_POLL = 2  #: a thread, all the time


# The state is a plain int, and so are these: IntFlag arithmetic builds an object for each result.
SCHED = int(NapiState.SCHED)
MISSED = int(NapiState.MISSED)
DISABLE = int(NapiState.DISABLE)
NPSVC = int(NapiState.NPSVC)
LISTED = int(NapiState.LISTED)
NO_BUSY_POLL = int(NapiState.NO_BUSY_POLL)
IN_BUSY_POLL = int(NapiState.IN_BUSY_POLL)
PREFER_BUSY_POLL = int(NapiState.PREFER_BUSY_POLL)
THREADED = int(NapiState.THREADED)
SCHED_THREADED = int(NapiState.SCHED_THREADED)
THREADED_BUSY_POLL = int(NapiState.THREADED_BUSY_POLL)

_POLLER_OWNS = NPSVC | IN_BUSY_POLL
_OWNED = MISSED | SCHED | SCHED_THREADED | PREFER_BUSY_POLL  #: what ends with a completion
_MODES = PREFER_BUSY_POLL | THREADED | THREADED_BUSY_POLL  #: what ends with disabling

PollFunction = Callable[["Napi", int], Awaitable[int]]


class Napi:
    """A NAPI instance (struct napi_struct).

    Attributes:
        dev: its interface; None for a CPU's backlog.
        id: for sockets and netlink; 0 for none.
        weight: packets that one poll may take.
        state: bits of NapiState.
        on_list: it is on a CPU's poll list, or on net_rx_action's own.
        list_owner: CPU on whose list it is or was when it was last scheduled; -1 once completed.
        gro: what GRO holds; None until it is used.
        timer: polls it again without an interrupt.
        gro_flush_timeout: ns until that; 0 for no timer.
        defer_hard_irqs: empty polls before the interrupt is unmasked.
        defer_hard_irqs_count: how many of them are left.
        irq_suspend_timeout: ns for which a busy poller that found something keeps interrupts off; 0 for not at all.
        threaded: who polls, as it was set; the state bits follow.
        thread: the thread that does; None if there is none.
        irq: its interrupt line, -1 if the driver did not tell.
        polls: calls of poll().
        completed: completions that returned true.
        exhausted: polls that used up their budget.
        packets: work done by all polls.
        budget, work_done, in_poll: of the present or last poll. in_poll is netpoll's lock, too (poll_owner).
    """

    __slots__ = (
        "budget",
        "completed",
        "defer_hard_irqs",
        "defer_hard_irqs_count",
        "dev",
        "exhausted",
        "gro",
        "gro_flush_timeout",
        "id",
        "in_poll",
        "irq",
        "irq_suspend_timeout",
        "list_owner",
        "on_list",
        "packets",
        "poll",
        "polls",
        "state",
        "thread",
        "threaded",
        "timer",
        "weight",
        "work_done",
    )

    def __init__(self, dev: NetDevice | None, poll: PollFunction, weight: int, napi_id: int) -> None:
        self.dev = dev
        self.poll = poll
        self.weight = weight
        self.id = napi_id
        self.state = 0
        self.on_list = False
        self.list_owner = self.irq = -1
        self.polls = self.completed = self.exhausted = self.packets = 0
        self.budget = self.work_done = 0
        self.in_poll = False
        self.gro: GroNode | None = None
        self.timer = Hrtimer(partial(napi_watchdog, self))
        self.gro_flush_timeout = self.irq_suspend_timeout = 0
        self.defer_hard_irqs = self.defer_hard_irqs_count = 0
        self.threaded = NapiThreaded.DISABLED
        self.thread: Task | None = None

    @property
    def name(self) -> str:
        """Of its interface, for messages."""
        return self.dev.name if self.dev else "backlog"


# --- registering, enabling, disabling ---------------------------------------------------------------------------------


def netif_napi_add_weight(dev: NetDevice, poll: PollFunction, weight: int) -> Napi:
    """Register an instance. It starts disabled: SCHED and NPSVC are set. It has the interface's settings."""
    machine = dev.machine
    machine.last_napi_id = max(machine.last_napi_id + 1, MIN_NAPI_ID)
    return _add(dev, Napi(dev, poll, weight, machine.last_napi_id))


def _add(dev: NetDevice, napi: Napi) -> Napi:
    machine = dev.machine
    if napi.weight > NAPI_POLL_WEIGHT:
        name = dev.name or "(unnamed net_device)"
        printk_once(machine, logging.ERROR, "%s: netif_napi_add_weight() called with weight %d", name, napi.weight)
    napi.state = SCHED | NPSVC | LISTED
    napi.gro_flush_timeout = dev.gro_flush_timeout
    napi.defer_hard_irqs = dev.napi_defer_hard_irqs
    napi.threaded = NapiThreaded(dev.threaded)
    machine.napis.append(napi)
    dev.napi_list.append(napi)
    if napi.threaded:
        napi_kthread_create(napi)
    return napi


def netif_napi_add(dev: NetDevice, poll: PollFunction) -> Napi:
    """Register an instance with the usual weight."""
    return netif_napi_add_weight(dev, poll, NAPI_POLL_WEIGHT)


def netif_napi_add_tx_weight(dev: NetDevice, poll: PollFunction, weight: int) -> Napi:
    """Register an instance that only reclaims transmitted packets: nobody polls it busily, so it has no id."""
    napi = _add(dev, Napi(dev, poll, weight, 0))
    napi.state |= NO_BUSY_POLL
    return napi


def netif_napi_add_tx(dev: NetDevice, poll: PollFunction) -> Napi:
    """Register a transmit-only instance with the usual weight."""
    return netif_napi_add_tx_weight(dev, poll, NAPI_POLL_WEIGHT)


def netif_napi_set_irq(napi: Napi, irq: int) -> None:
    """Tell which interrupt line schedules the instance; -1 for none."""
    napi.irq = irq


def netif_napi_del(napi: Napi) -> None:
    """Take a disabled instance out of the registry, and end its thread."""
    assert napi.dev is not None
    if not napi.state & LISTED:
        return
    napi.state &= ~LISTED
    if not napi.state & SCHED:
        log.warning("WARNING: netif_napi_del of napi %d of %s, which is not disabled", napi.id, napi.name)
    napi.dev.napi_list.remove(napi)
    napi.dev.machine.napis.remove(napi)
    if napi.gro is not None:
        napi.gro.gro_cleanup()
        napi.gro = None
    if napi.thread is not None:
        kthread_stop(napi.thread)
        napi.thread = None


def napi_enable(napi: Napi) -> None:
    """Allow scheduling. Does not schedule: what happened meanwhile must be latched in the device.

    Raises:
        RuntimeError: it is enabled already (BUG_ON in Linux).
    """
    rules = napi.dev.machine.rules if napi.dev else None
    if rules is not None and not rules.lifetime.napi_enabled(napi):
        return
    if not napi.state & SCHED:
        raise RuntimeError(
            f"kernel BUG: napi_enable of napi {napi.id} of {napi.name}, which is enabled: "
            "each napi_enable needs a napi_disable before it"
        )
    assert napi.dev is not None
    if not napi.state & NO_BUSY_POLL:
        napi.dev.machine.napi_hash[napi.id] = napi
    napi.state &= ~(SCHED | NPSVC)
    if napi.thread is not None:
        napi.state |= threaded_bits(napi.threaded)


async def napi_disable(napi: Napi) -> None:
    """Wait until nobody owns the instance, then own it. Only in task context; twice in a row waits forever."""
    assert napi.dev is not None
    rules = napi.dev.machine.rules
    if rules is not None and not rules.lifetime.napi_disabled(napi):
        return
    napi.state |= DISABLE
    while napi.state & (SCHED | NPSVC):
        await usleep_range(20, 200)
    napi.state = (napi.state | SCHED | NPSVC) & ~_MODES
    napi.timer.cancel()
    napi.dev.machine.napi_hash.pop(napi.id, None)
    napi.state &= ~DISABLE


async def napi_synchronize(napi: Napi) -> None:
    """Wait until it is not scheduled, without keeping it from being scheduled again. Only in task context."""
    while napi.state & SCHED:
        await usleep_range(1000, 1000)


def threaded_bits(threaded: NapiThreaded) -> int:
    """The state bits that say who polls."""
    return (0, THREADED, THREADED | THREADED_BUSY_POLL)[threaded]


def napi_kthread_create(napi: Napi) -> None:
    """Make the thread that polls an instance in threaded mode."""
    from driver.kernel.net.threaded import napi_threaded_poll  # noqa: PLC0415  (the thread polls with what is here)

    assert napi.dev is not None
    napi.thread = napi.dev.machine.kthread_run(napi_threaded_poll(napi), f"napi/{napi.dev.name}-{napi.id}")


# --- scheduling -------------------------------------------------------------------------------------------------------


def napi_disable_pending(napi: Napi) -> bool:
    """Whether napi_disable waits for it."""
    return bool(napi.state & DISABLE)


def napi_schedule_prep(napi: Napi) -> bool:
    """Take ownership. False: somebody has it, and MISSED tells them; or it is being disabled, and nothing changes."""
    state = napi.state
    taken = not state & (DISABLE | SCHED)
    if not state & DISABLE:
        napi.state = state | (SCHED if taken else MISSED)
    rules = napi.dev.machine.rules if napi.dev is not None else None
    if rules is not None:
        rules.scheduling.prep(napi, taken=taken)
        if state & SCHED and not state & DISABLE:
            rules.lifetime.napi_scheduled(napi)
    return taken


def __napi_schedule(napi: Napi) -> None:
    """Hand an instance that the caller owns to its thread, or put it on this CPU's poll list, at the tail."""
    cpu = this_cpu()
    if cpu.machine.rules is not None:
        cpu.machine.rules.scheduling.schedule(napi)
    if napi.state & THREADED and napi.thread is not None:
        napi.state |= SCHED_THREADED
        wake_up_process(napi.thread)
        return
    softnet = cpu.softnet
    softnet.poll_list.append(napi)
    napi.on_list = True
    napi.list_owner = cpu.id
    if not softnet.in_net_rx_action:
        raise_softirq_irqoff(Vector.NET_RX)


#: For callers that have interrupts off; here all code between two awaits has.
__napi_schedule_irqoff = __napi_schedule


def napi_schedule(napi: Napi) -> bool:
    """Schedule the instance unless somebody owns it. Returns whether it did."""
    if not napi_schedule_prep(napi):
        return False
    __napi_schedule(napi)
    return True


napi_schedule_irqoff = napi_schedule


def napi_if_scheduled_mark_missed(napi: Napi) -> bool:
    """If somebody owns it, make them poll once more. False: nobody does, and nothing changes."""
    if napi.state & DISABLE:
        return True
    if not napi.state & SCHED:
        return False
    napi.state |= MISSED
    return True


def napi_watchdog(napi: Napi) -> None:
    """The instance's timer: schedule it without an interrupt. Never sets MISSED: the device did not call."""
    if not napi.state & (DISABLE | SCHED):
        napi.state = (napi.state | SCHED) & ~PREFER_BUSY_POLL
        __napi_schedule(napi)


# --- completing -------------------------------------------------------------------------------------------------------


async def napi_complete_done(napi: Napi, work_done: int) -> bool:
    """End polling. True: the driver may unmask its interrupt.

    False: it was scheduled meanwhile and will be polled again, a poller owns it, or its timer will poll it.
    """
    rules = this_cpu().machine.rules
    if rules is not None:
        rules.scheduling.complete(napi)
    if napi.state & _POLLER_OWNS:
        return False
    gro, timeout, unmask = napi.gro, 0, True
    if work_done:
        if gro is not None and gro.bitmask:
            timeout = napi.gro_flush_timeout
        napi.defer_hard_irqs_count = napi.defer_hard_irqs
    if napi.defer_hard_irqs_count > 0:
        napi.defer_hard_irqs_count -= 1
        timeout = napi.gro_flush_timeout
        unmask = not timeout
    if gro is not None:
        await gro.gro_flush_normal(flush_old=bool(timeout))
    if napi.on_list:
        _unlist(napi)
    napi.list_owner = -1
    state = napi.state
    if not state & SCHED:
        printk_once(this_cpu().machine, logging.WARNING, "WARNING: %s: napi %d completed twice", napi.name, napi.id)
    napi.state = state & ~_OWNED
    if state & MISSED:
        napi.state |= SCHED
        __napi_schedule(napi)
        return False
    if timeout:
        napi.timer.start(timeout)
    if unmask:
        napi.completed += 1
        if rules is not None:
            rules.scheduling.completed(napi)
    return unmask


async def napi_complete(napi: Napi) -> bool:
    """napi_complete_done for a driver that does not count its work: nothing of its deferral is renewed."""
    return await napi_complete_done(napi, 0)


def _unlist(napi: Napi) -> None:
    """list_del_init of an instance that completes while it is on a poll list."""
    softnet = this_cpu().machine.cpus[napi.list_owner].softnet
    for queue in (softnet.poll_list, softnet.polling, softnet.repoll):
        if napi in queue:
            queue.remove(napi)
    napi.on_list = False


# --- polling ----------------------------------------------------------------------------------------------------------


async def napi_poll(napi: Napi, repoll: list[Napi]) -> int:
    """Poll an instance that was taken off the list, and put it on ``repoll`` if it used up its budget.

    Returns:
        The work that counts against net_rx_action's budget.
    """
    napi.on_list = False
    work, again = await __napi_poll(napi)
    if again:
        if not napi.state & SCHED:  # CONFIG_DEBUG_NET
            log.critical("repoll requested for device %s %s but napi is not scheduled.", napi.name, napi.poll)
        napi.on_list = True
        repoll.append(napi)
    return work


async def __napi_poll(napi: Napi) -> tuple[int, bool]:
    """Call poll() and judge what it returned: the work, and whether to poll again."""
    weight = napi.weight
    work = 0
    if napi.state & SCHED:
        if napi.in_poll:
            await netpoll_poll_lock(napi)
        poll_begins(napi, weight)
        await spend(this_cpu().machine.costs.napi_poll)
        work = await napi.poll(napi, weight)
        poll_ends(napi, work)
    if work < weight:
        return work, False
    if work > weight:
        printk_once(
            this_cpu().machine,
            logging.ERROR,
            "%s: NAPI poll function %s returned %d, exceeding its budget of %d.",
            *(napi.name, napi.poll, work, weight),
        )
    napi.exhausted += 1
    if napi.state & DISABLE:
        await napi_complete(napi)
        return work, False
    if napi.state & PREFER_BUSY_POLL:
        if await napi_complete_done(napi, work):  # no timer will poll it
            napi_schedule(napi)
        return work, False
    if napi.gro is not None:
        await napi.gro.gro_flush_normal(flush_old=this_cpu().machine.sysctl.hz >= 1000)
    if napi.on_list:
        text = "%s: Budget exhausted after napi rescheduled"
        printk_once(this_cpu().machine, logging.WARNING, text, napi.name)
        return work, False
    return work, True


async def netpoll_poll_lock(napi: Napi) -> None:
    """Wait until netpoll on another CPU is out of poll()."""
    while napi.in_poll:
        await cpu_relax()


def poll_begins(napi: Napi, budget: int) -> None:
    """poll() is about to be called."""
    napi.in_poll, napi.budget = True, budget
    rules = this_cpu().machine.rules
    if rules is not None:
        rules.scheduling.poll_begins(napi, budget)
        rules.rings.poll_begins(napi)


def poll_ends(napi: Napi, work: int) -> None:
    """poll() returned this."""
    rules = this_cpu().machine.rules
    if rules is not None:
        rules.scheduling.poll_returned(napi, work, napi.budget)
        rules.rings.poll_returned(napi, work, napi.budget)
    napi.in_poll, napi.work_done = False, work
    napi.polls += 1
    napi.packets += work
    trace_napi_poll(napi, work, napi.budget)
