"""NAPI instances: state bits, ownership, the poll return matrix, enable and disable (net/core/dev.c)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from driver.kernel.cpu import spend
from driver.kernel.net.napi import (
    Napi,
    NapiState,
    __napi_schedule,
    napi_complete_done,
    napi_disable,
    napi_enable,
    napi_schedule,
    napi_schedule_prep,
    napi_synchronize,
    netif_napi_add,
    netif_napi_add_weight,
)
from driver.kernel.net.netdevice import NetDevice, NetDeviceOps
from driver.kernel.softirq import local_bh_disable, local_bh_enable
from tests.kernel.support import Computer, events

Poll = Callable[[Napi, int], Coroutine[Any, Any, int]]


def add_device(computer: Computer, poll: Poll, weight: int = 64) -> Napi:
    """An enabled NAPI instance of a device without a driver."""
    dev = NetDevice(computer.machine, f"eth{len(computer.machine.napis)}", NetDeviceOps, None)  # type: ignore[arg-type]
    napi = netif_napi_add_weight(dev, poll, weight)
    napi_enable(napi)
    return napi


async def nothing(napi: Napi, _budget: int) -> int:
    """A poll function that finds nothing."""
    await napi_complete_done(napi, 0)
    return 0


async def schedule(*napis: Napi) -> None:
    """Schedule instances from task context, as a driver should: the softirq runs when BHs are enabled."""
    local_bh_disable()
    for napi in napis:
        napi_schedule(napi)
    await local_bh_enable()


def test_an_instance_starts_disabled() -> None:
    computer = Computer()
    dev = NetDevice(computer.machine, "eth0", NetDeviceOps, None)  # type: ignore[arg-type]
    napi = netif_napi_add(dev, nothing)
    assert napi.state == NapiState.SCHED | NapiState.NPSVC | NapiState.LISTED
    assert napi.weight == 64
    assert not napi_schedule_prep(napi)
    napi_enable(napi)
    assert napi.state & ~NapiState.MISSED == NapiState.LISTED


def test_enabling_twice_is_a_bug() -> None:
    napi = add_device(Computer(), nothing)
    with pytest.raises(RuntimeError, match="kernel BUG"):
        napi_enable(napi)


def test_prep_takes_ownership_once_and_then_says_missed() -> None:
    napi = add_device(Computer(), nothing)
    assert napi_schedule_prep(napi)
    assert napi.state == NapiState.SCHED | NapiState.LISTED
    assert not napi_schedule_prep(napi)
    assert napi.state & NapiState.MISSED


def test_prep_changes_nothing_while_a_disable_is_pending() -> None:
    napi = add_device(Computer(), nothing)
    napi.state |= NapiState.DISABLE | NapiState.SCHED
    before = napi.state
    assert not napi_schedule_prep(napi)
    assert napi.state == before


def test_a_full_poll_is_repeated_until_it_is_not_full() -> None:
    computer = Computer()
    works = [64, 64, 10]

    async def poll(napi: Napi, budget: int) -> int:
        work = works.pop(0)
        if work < budget:
            assert await napi_complete_done(napi, work)
        return work

    napi = add_device(computer, poll)
    seen = events(computer, "napi_poll")
    computer.spawn(schedule(napi))
    computer.run(1000)
    assert [(work, budget) for _, _, _, work, budget in seen] == [(64, 64), (64, 64), (10, 64)]
    assert (napi.polls, napi.completed, napi.exhausted, napi.packets) == (3, 1, 2, 138)
    assert napi.state == NapiState.LISTED


def test_complete_with_missed_polls_again_and_says_do_not_unmask() -> None:
    computer = Computer()
    completions: list[bool] = []

    async def poll(napi: Napi, _budget: int) -> int:
        if not completions:
            assert not napi_schedule_prep(napi)  # an interrupt comes during the poll
        completions.append(await napi_complete_done(napi, 1))
        return 1

    napi = add_device(computer, poll)
    computer.spawn(schedule(napi))
    computer.run(1000)
    assert completions == [False, True]
    assert napi.state == NapiState.LISTED


def test_complete_says_no_while_netpoll_owns_the_instance() -> None:
    computer = Computer()
    results = []

    async def poll(napi: Napi, _budget: int) -> int:
        napi.state |= NapiState.NPSVC
        before = napi.state
        results.append(await napi_complete_done(napi, 1))
        assert napi.state == before
        napi.state &= ~NapiState.NPSVC
        results.append(await napi_complete_done(napi, 1))
        return 1

    computer.spawn(schedule(add_device(computer, poll)))
    computer.run(1000)
    assert results == [False, True]


def test_an_orphan_is_never_polled_again() -> None:
    computer = Computer()
    polls = []

    async def poll(_napi: Napi, _budget: int) -> int:
        polls.append(computer.machine.now)
        return 1  # less than the budget, but no complete

    napi = add_device(computer, poll)
    computer.spawn(schedule(napi))
    computer.spawn(schedule(napi))
    computer.run(1_000_000)
    assert len(polls) == 1
    assert napi.state & NapiState.SCHED
    assert napi.state & NapiState.MISSED


def test_more_work_than_the_budget_is_reported_and_counts_as_the_budget(caplog: pytest.LogCaptureFixture) -> None:
    computer = Computer()
    works = [70, 0]

    async def poll(napi: Napi, _budget: int) -> int:
        work = works.pop(0)
        if not work:
            await napi_complete_done(napi, 0)
        return work

    computer.spawn(schedule(add_device(computer, poll)))
    computer.run(1000)
    assert "returned 70, exceeding its budget of 64." in caplog.text
    assert not works


def test_budget_used_up_after_rescheduling_is_reported_and_polled_once(caplog: pytest.LogCaptureFixture) -> None:
    computer = Computer()
    polls = []

    async def poll(napi: Napi, budget: int) -> int:
        polls.append(1)
        if len(polls) == 1:
            await napi_complete_done(napi, budget)
            napi_schedule(napi)
            return budget
        await napi_complete_done(napi, 0)
        return 0

    computer.spawn(schedule(add_device(computer, poll)))
    computer.run(1000)
    assert "Budget exhausted after napi rescheduled" in caplog.text
    assert len(polls) == 2


def test_disable_waits_for_the_owner_and_keeps_others_out() -> None:
    computer = Computer()
    log = []

    async def poll(napi: Napi, _budget: int) -> int:
        await spend(100_000)
        log.append(("polled", computer.machine.now))
        await napi_complete_done(napi, 1)
        return 1

    napi = add_device(computer, poll)

    async def down() -> None:
        napi_schedule_prep(napi)
        local_bh_disable()
        __napi_schedule(napi)
        await local_bh_enable()
        await napi_disable(napi)
        log.append(("disabled", computer.machine.now))
        assert not napi_schedule(napi)

    computer.spawn(down())
    computer.run(1_000_000)
    assert log == [("polled", 100_000), ("disabled", 100_000)]
    assert napi.state & NapiState.SCHED
    assert napi.state & NapiState.NPSVC


def test_disable_stops_a_saturated_poll() -> None:
    computer = Computer()
    disabled = []

    async def poll(_napi: Napi, budget: int) -> int:
        await spend(10_000)
        return budget  # always more to do

    napi = add_device(computer, poll)

    async def down() -> None:
        await napi_disable(napi)
        disabled.append(computer.machine.now)

    computer.spawn(schedule(napi))
    computer.run(50_000)
    computer.spawn(down())
    computer.run(5_000_000)
    assert disabled


def test_synchronize_waits_until_the_instance_is_not_scheduled() -> None:
    computer = Computer()
    log = []

    async def poll(napi: Napi, _budget: int) -> int:
        await spend(100_000)
        await napi_complete_done(napi, 1)
        return 1

    napi = add_device(computer, poll)

    async def thread() -> None:
        local_bh_disable()
        napi_schedule(napi)
        await local_bh_enable()
        await napi_synchronize(napi)
        log.append(computer.machine.now)

    computer.spawn(thread())
    computer.run(5_000_000)
    assert log
    assert log[0] >= 100_000
    assert not napi.state & NapiState.SCHED
