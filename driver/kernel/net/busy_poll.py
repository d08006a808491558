"""Busy polling: a thread that waits for packets polls a NAPI instance itself (net/core/dev.c, include/net/busy_poll.h).

Sockets and epoll call ``napi_busy_loop`` with a function that says when to end; while it owns the instance, completion
returns false and interrupts stay masked. All of Linux 6.19.
"""

from __future__ import annotations

from collections.abc import Callable

from driver.kernel.cpu import cpu_relax, spend, this_cpu
from driver.kernel.net.napi import (
    DISABLE,
    IN_BUSY_POLL,
    MIN_NAPI_ID,
    MISSED,
    PREFER_BUSY_POLL,
    SCHED,
    Napi,
    __napi_schedule,
    napi_schedule,
    netpoll_poll_lock,
    poll_begins,
    poll_ends,
)
from driver.kernel.sched import cond_resched
from driver.kernel.softirq import local_bh_disable, local_bh_enable

#: Packets that one busy poll may take, unless the socket says otherwise.
BUSY_POLL_BUDGET = 8

#: Says, given the time at which the loop began (busy_loop_current_time), whether to end it.
LoopEnd = Callable[[int], bool]


def napi_id_valid(napi_id: int) -> bool:
    """Whether a number is that of an instance; lower ones are CPUs."""
    return napi_id >= MIN_NAPI_ID


def napi_by_id(napi_id: int) -> Napi | None:
    """The enabled instance of this id, if it may be polled busily."""
    return this_cpu().machine.napi_hash.get(napi_id)


def busy_loop_current_time() -> int:
    """The time in the units of busy polling, which take 1,024 ns for a microsecond."""
    return this_cpu().machine.now >> 10


def busy_loop_timeout(start_time: int, usecs: int) -> bool:
    """Whether so many microseconds are over since then; always, if there is no time to poll."""
    return not usecs or busy_loop_current_time() > start_time + usecs


async def napi_busy_loop(
    napi_id: int, loop_end: LoopEnd | None, *, prefer_busy_poll: bool = False, budget: int = BUSY_POLL_BUDGET
) -> None:
    """Poll an instance until ``loop_end(start_time)``, or once if there is none. Only in task context.

    Args:
        napi_id: of the instance; nothing happens if there is none.
        loop_end: looked at after each poll.
        prefer_busy_poll: if softirqs have the instance, ask them to leave it; afterwards keep interrupts masked until
            the timer, if gro_flush_timeout and defer_hard_irqs are set.
        budget: packets that one poll may take.
    """
    start_time = busy_loop_current_time() if loop_end else 0
    while (napi := napi_by_id(napi_id)) is not None:
        poller = _BusyPoller(napi, budget, prefer_busy_poll=prefer_busy_poll)
        ended = resched = False
        while not (ended or resched):
            await poller.poll_once()
            ended = loop_end is None or loop_end(start_time)
            resched = this_cpu().need_resched
        await poller.stop()
        if loop_end is None or ended:
            return
        await cond_resched()
        if loop_end(start_time):
            return


class _BusyPoller:
    """A thread that polls an instance, or tries to get hold of it."""

    def __init__(self, napi: Napi, budget: int, *, prefer_busy_poll: bool) -> None:
        self._napi = napi
        self._budget = budget
        self._prefer_busy_poll = prefer_busy_poll
        self._owner = False
        task = this_cpu().current
        assert task is not None, "only a task can poll busily"
        self._task = task

    async def poll_once(self) -> None:
        """One round of the loop."""
        napi, work = self._napi, 0
        local_bh_disable()
        if self._owner or await self._take():
            work = await self._poll()
            if napi.gro is not None:
                await napi.gro.gro_normal_list()
        if work > 0:
            this_cpu().machine.busy_poll_rx_packets += work
        await cpu_relax()
        self._task.busy_polling = not work
        await local_bh_enable()

    async def stop(self) -> None:
        """Give the instance up: one more poll lets the driver complete and unmask, or the timer does later."""
        self._task.busy_polling = False
        if not self._owner:
            return
        napi, timer_polls = self._napi, False
        napi.state &= ~(MISSED | IN_BUSY_POLL)  # what was missed is polled now
        local_bh_disable()
        if self._prefer_busy_poll:
            napi.defer_hard_irqs_count = napi.defer_hard_irqs
            if napi.defer_hard_irqs_count and napi.gro_flush_timeout:
                napi.timer.start(napi.gro_flush_timeout)
                timer_polls = True
        if await self._poll() == self._budget:
            await _busy_poll_stop(napi, timer_polls=timer_polls)
        await local_bh_enable()

    async def _take(self) -> bool:
        """Own the instance, or ask for it to be left to busy pollers."""
        napi = self._napi
        if napi.state & (DISABLE | SCHED | IN_BUSY_POLL):
            if self._prefer_busy_poll:
                napi.state |= PREFER_BUSY_POLL
            return False
        napi.state |= IN_BUSY_POLL | SCHED
        await netpoll_poll_lock(napi)
        self._owner = True
        return True

    async def _poll(self) -> int:
        poll_begins(self._napi, self._budget)
        await spend(this_cpu().machine.costs.napi_poll)
        work = await self._napi.poll(self._napi, self._budget)
        poll_ends(self._napi, work)
        return work


async def _busy_poll_stop(napi: Napi, *, timer_polls: bool) -> None:
    """A poller leaves, and the driver had no reason to complete: softirqs go on, or the timer (__busy_poll_stop).

    As in Linux, a timer that fired during the last poll found the instance owned: packets then wait for the next event.
    """
    if not timer_polls:
        if napi.gro is not None:
            await napi.gro.gro_normal_list()
        __napi_schedule(napi)
        return
    if napi.gro is not None:
        await napi.gro.gro_flush_normal(flush_old=this_cpu().machine.sysctl.hz >= 1000)
    napi.state &= ~SCHED


def napi_suspend_irqs(napi_id: int) -> None:
    """Events were found: keep interrupts off for irq_suspend_timeout, while the application works on them."""
    napi = napi_by_id(napi_id)
    if napi is not None and napi.irq_suspend_timeout:
        napi.timer.start(napi.irq_suspend_timeout)


async def napi_resume_irqs(napi_id: int) -> None:
    """Nothing was found: poll once by softirq, and let that decide about interrupts as usual."""
    napi = napi_by_id(napi_id)
    if napi is not None and napi.irq_suspend_timeout:
        local_bh_disable()
        napi_schedule(napi)
        await local_bh_enable()
