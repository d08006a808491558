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
    napi_if_scheduled_mark_missed,
    napi_schedule,
    napi_schedule_prep,
    napi_synchronize,
    netif_napi_add,
    netif_napi_add_tx,
    netif_napi_add_weight,
    netif_napi_del,
)
from driver.kernel.net.netdevice import NetDevice, NetDeviceOps
from driver.kernel.softirq import local_bh_disable, local_bh_enable
from driver.kernel.sysctl import Sysctl
from tests.kernel.net.nic import Nic
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


# --- registering ------------------------------------------------------------------------------------------------------


def test_ids_are_above_the_cpus_and_are_not_given_twice() -> None:
    computer = Computer()
    first, second = add_device(computer, nothing), add_device(computer, nothing)
    computer.spawn(napi_disable(first))
    computer.run(1000)
    netif_napi_del(first)
    third = add_device(computer, nothing)
    assert [napi.id for napi in (first, second, third)] == [65, 66, 67]
    assert computer.machine.napis == [second, third]
    assert set(computer.machine.napi_hash) == {66, 67}
    assert not first.state & NapiState.LISTED


def test_a_transmit_only_instance_is_not_for_busy_polling() -> None:
    computer = Computer()
    dev = NetDevice(computer.machine, "eth0", NetDeviceOps, None)  # type: ignore[arg-type]
    napi = netif_napi_add_tx(dev, nothing)
    napi_enable(napi)
    assert napi.state == NapiState.LISTED | NapiState.NO_BUSY_POLL
    assert not computer.machine.napi_hash


def test_a_weight_above_64_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    computer = Computer()
    napi = add_device(computer, nothing, weight=128)
    add_device(computer, nothing, weight=128)
    assert napi.weight == 128
    assert caplog.text.count("eth0: netif_napi_add_weight() called with weight 128") == 1
    assert "eth1" not in caplog.text


def test_deleting_an_enabled_instance_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    napi = add_device(Computer(), nothing)
    netif_napi_del(napi)
    assert "WARNING: netif_napi_del of napi 65 of eth0, which is not disabled" in caplog.text
    netif_napi_del(napi)  # the second time it is not listed
    assert len(caplog.records) == 1


def test_new_instances_have_the_settings_of_their_interface() -> None:
    computer = Computer()
    dev = NetDevice(computer.machine, "eth0", NetDeviceOps, None)  # type: ignore[arg-type]
    dev.gro_flush_timeout, dev.napi_defer_hard_irqs = 20_000, 2
    napi = netif_napi_add(dev, nothing)
    assert (napi.gro_flush_timeout, napi.defer_hard_irqs, napi.irq_suspend_timeout) == (20_000, 2, 0)
    assert dev.napi_list == [napi]


def test_disabling_cancels_the_timer_and_clears_what_users_asked_for() -> None:
    computer = Computer()
    nic = Nic(computer)
    nic.napi.gro_flush_timeout, nic.napi.defer_hard_irqs = 50_000, 5
    nic.arrives(100)
    computer.run(10_000)
    assert nic.napi.timer.base is not None
    nic.napi.state |= NapiState.PREFER_BUSY_POLL
    computer.spawn(nic.down())
    computer.run(20_000)
    assert nic.napi.timer.base is None
    assert nic.napi.state == NapiState.SCHED | NapiState.NPSVC | NapiState.LISTED


# --- who missed what --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "result", "after"),
    [
        (NapiState.LISTED, False, NapiState.LISTED),
        (NapiState.SCHED, True, NapiState.SCHED | NapiState.MISSED),
        (NapiState.DISABLE, True, NapiState.DISABLE),
        (NapiState.DISABLE | NapiState.SCHED, True, NapiState.DISABLE | NapiState.SCHED),
    ],
)
def test_mark_missed(state: NapiState, result: bool, after: NapiState) -> None:
    napi = add_device(Computer(), nothing)
    napi.state = int(state)
    assert napi_if_scheduled_mark_missed(napi) is result
    assert napi.state == after


def test_a_poll_that_is_full_while_a_disable_waits_is_completed_by_the_core() -> None:
    computer = Computer()

    async def poll(napi: Napi, budget: int) -> int:
        napi.state |= NapiState.DISABLE
        return budget

    napi = add_device(computer, poll)
    computer.spawn(schedule(napi))
    computer.run(1000)
    assert (napi.polls, napi.completed) == (1, 1)
    assert napi.state == NapiState.LISTED | NapiState.DISABLE


def test_a_negative_result_is_work_of_less_than_nothing() -> None:
    computer = Computer(sysctl=Sysctl(netdev_budget=64))

    async def poll(napi: Napi, _budget: int) -> int:
        await napi_complete_done(napi, 0)
        return -1  # as 8139too after a reset of its receiver

    async def full(napi: Napi, budget: int) -> int:
        if napi.polls:
            await napi_complete_done(napi, 0)
            return 0
        return budget

    napis = [add_device(computer, poll), add_device(computer, full), add_device(computer, nothing)]
    computer.spawn(schedule(*napis))
    computer.run(1000)
    softnet = computer.machine.cpus[0].softnet
    assert softnet.time_squeeze == 0  # 64 + 1 - 64 leaves one


def test_more_than_the_budget_counts_as_what_it_is_against_that_of_the_softirq() -> None:
    computer = Computer(sysctl=Sysctl(netdev_budget=130))

    async def greedy(napi: Napi, _budget: int) -> int:
        if napi.polls:
            await napi_complete_done(napi, 0)
            return 0
        return 130

    computer.spawn(schedule(add_device(computer, greedy), add_device(computer, nothing)))
    computer.run(1000)
    assert computer.machine.cpus[0].softnet.time_squeeze == 1


def test_completing_twice_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    computer = Computer()

    async def poll(napi: Napi, _budget: int) -> int:
        await napi_complete_done(napi, 1)
        await napi_complete_done(napi, 1)
        return 1

    computer.spawn(schedule(add_device(computer, poll)))
    computer.run(1000)
    assert "WARNING: eth0: napi 65 completed twice" in caplog.text


def test_completing_and_returning_the_budget_asks_for_a_poll_that_nobody_owns(
    caplog: pytest.LogCaptureFixture,
) -> None:
    computer = Computer()

    async def poll(napi: Napi, budget: int) -> int:
        await napi_complete_done(napi, budget)
        return budget

    napi = add_device(computer, poll)
    computer.spawn(schedule(napi))
    computer.run(1000)
    assert "repoll requested for device eth0" in caplog.text
    assert napi.polls == 1  # the repoll finds SCHED clear and skips it


def test_prefer_busy_poll_takes_a_saturated_instance_from_the_softirq() -> None:
    """With a timer the instance is left to it; without one the core schedules it again."""
    for timeout, polls in ((0, 3), (50_000, 1)):
        computer = Computer()

        async def poll(napi: Napi, budget: int) -> int:
            if napi.polls == 2:
                await napi_complete_done(napi, 0)
                return 0
            napi.state |= NapiState.PREFER_BUSY_POLL
            return budget

        napi = add_device(computer, poll)
        napi.gro_flush_timeout, napi.defer_hard_irqs = timeout, 1
        computer.spawn(schedule(napi))
        computer.run(40_000)
        assert napi.polls == polls
        assert not napi.state & NapiState.PREFER_BUSY_POLL
        computer.run(200_000)
        assert napi.polls == 3


# --- deferral ---------------------------------------------------------------------------------------------------------


def completions(computer: Computer, napi_settings: dict[str, int], works: list[int]) -> list[tuple[int, bool]]:
    """What complete says to polls that find so many packets, and when; the device never calls again."""
    seen: list[tuple[int, bool]] = []

    async def poll(napi: Napi, _budget: int) -> int:
        work = works.pop(0)
        seen.append((computer.machine.now, await napi_complete_done(napi, work)))
        return work

    napi = add_device(computer, poll)
    for name, value in napi_settings.items():
        setattr(napi, name, value)
    computer.spawn(schedule(napi))
    computer.run(10_000_000)
    return seen


@pytest.mark.parametrize(
    ("settings", "works", "expected"),
    [
        ({}, [5], [(0, True)]),
        ({"gro_flush_timeout": 20_000}, [5], [(0, True)]),
        ({"defer_hard_irqs": 2}, [5], [(0, True)]),
        (
            {"gro_flush_timeout": 20_000, "defer_hard_irqs": 2},
            [5, 0, 0],
            [(0, False), (20_000, False), (40_000, True)],
        ),
        (
            {"gro_flush_timeout": 20_000, "defer_hard_irqs": 2},
            [5, 0, 1, 0, 0],
            [(0, False), (20_000, False), (40_000, False), (60_000, False), (80_000, True)],
        ),
        ({"gro_flush_timeout": 20_000, "defer_hard_irqs": 1}, [3, 0], [(0, False), (20_000, True)]),
        ({"gro_flush_timeout": 20_000, "defer_hard_irqs": 2}, [0], [(0, True)]),
    ],
)
def test_the_interrupt_stays_masked_for_so_many_empty_polls(
    settings: dict[str, int], works: list[int], expected: list[tuple[int, bool]]
) -> None:
    assert completions(Computer(), settings, works) == expected


def test_the_watchdog_never_sets_missed_and_respects_a_pending_disable() -> None:
    napi = add_device(Computer(), nothing)
    for state in (NapiState.SCHED, NapiState.DISABLE, NapiState.SCHED | NapiState.PREFER_BUSY_POLL):
        napi.state = int(state)
        napi.timer.function()
        assert napi.state == state


def test_a_deferring_device_is_interrupted_once_and_polled_by_its_timer() -> None:
    computer = Computer(irq_entry=500, netif_receive_skb=400)
    nic = Nic(computer)
    nic.napi.gro_flush_timeout, nic.napi.defer_hard_irqs = 20_000, 3
    for time in range(1000, 1_000_000, 10_000):
        nic.arrives(time)
    computer.run(2_000_000)
    assert nic.received == list(range(1, 101))
    assert nic.interrupts == 2  # the cause of all the others, latched, comes when it is unmasked at last
    assert not nic.masked
