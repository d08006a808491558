"""Threaded NAPI: a thread polls an instance, when it is scheduled or busily (net/core/dev.c, Linux 6.19).

None of net_rx_action's limits apply. The thread is named napi/DEV-ID and may run anywhere: pin it, or give it a nice
level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel.cpu import cpu_relax, this_cpu
from driver.kernel.net.napi import (
    DISABLE,
    IN_BUSY_POLL,
    NPSVC,
    SCHED,
    SCHED_THREADED,
    THREADED,
    THREADED_BUSY_POLL,
    Napi,
    NapiThreaded,
    __napi_poll,
    napi_kthread_create,
    threaded_bits,
)
from driver.kernel.net.rps import net_rps_action_and_irq_enable
from driver.kernel.sched import cond_resched, kthread_should_stop, kthread_stop, sleep_until_woken
from driver.kernel.softirq import local_bh_disable, local_bh_enable
from driver.kernel.timer import msleep

if TYPE_CHECKING:
    from driver.kernel.net.netdevice import NetDevice


async def netif_set_threaded(dev: NetDevice, threaded: NapiThreaded) -> None:
    """Let threads poll all instances of an interface, or no longer: first the threads, then the bits. Sleeps."""
    if threaded:
        for napi in dev.napi_list:
            if napi.thread is None:
                napi_kthread_create(napi)
    dev.threaded = threaded
    for napi in dev.napi_list:
        await napi_set_threaded(napi, threaded)


async def napi_set_threaded(napi: Napi, threaded: NapiThreaded) -> None:
    """Say who polls an instance, from its next scheduling on. Sleeps until its thread is gone, if it must go."""
    napi.threaded = threaded
    if not threaded:
        if napi.thread is not None:
            await _napi_stop_kthread(napi)
        return
    if napi.thread is None:
        napi_kthread_create(napi)
    napi.state = napi.state & ~threaded_bits(NapiThreaded.BUSY_POLL) | threaded_bits(threaded)


async def _napi_stop_kthread(napi: Napi) -> None:
    """Take the instance from its thread, when the thread has it or nobody, and end the thread when it let go."""
    while napi.state & (SCHED | SCHED_THREADED | THREADED | NPSVC) == SCHED | THREADED:  # softirqs have it
        await msleep(20)
    napi.state &= ~(THREADED | THREADED_BUSY_POLL)
    while napi.state & SCHED_THREADED:
        await msleep(20)
    assert napi.thread is not None
    kthread_stop(napi.thread)
    napi.thread = None


async def napi_threaded_poll(napi: Napi) -> None:
    """The thread."""
    while await _napi_thread_wait(napi):
        busy_poll = bool(napi.state & THREADED_BUSY_POLL) and not napi.state & DISABLE
        napi.state = napi.state | IN_BUSY_POLL if busy_poll else napi.state & ~IN_BUSY_POLL
        await _napi_threaded_poll_loop(napi, busy_poll=busy_poll)


async def _napi_thread_wait(napi: Napi) -> bool:
    """Sleep until the instance is this thread's; false when the thread shall end."""
    while not kthread_should_stop():
        if napi.state & SCHED_THREADED:
            return True
        await sleep_until_woken()
    return False


async def _napi_threaded_poll_loop(napi: Napi, *, busy_poll: bool) -> None:
    """Poll until a poll does not use up its budget. While busy polling, the next call is at once."""
    task = this_cpu().current
    assert task is not None
    repoll = True
    while repoll:
        local_bh_disable()
        softnet = this_cpu().softnet
        softnet.in_napi_threaded_poll = True
        work, repoll = await __napi_poll(napi)
        softnet.in_napi_threaded_poll = False
        if softnet.rps_ipi_list:
            await net_rps_action_and_irq_enable(softnet)
        if busy_poll:
            if napi.gro is not None:  # completion did not
                await napi.gro.gro_flush_normal(flush_old=this_cpu().machine.sysctl.hz >= 1000)
            await cpu_relax()
        task.busy_polling = busy_poll and not work
        await local_bh_enable()
        if repoll or busy_poll:
            await cond_resched()
