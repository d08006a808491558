"""Netpoll: budget 0, NPSVC, and never two of them inside poll() (net/core/netpoll.c)."""

from __future__ import annotations

import pytest

from driver.kernel.cpu import spend
from driver.kernel.net.napi import Napi, NapiState, napi_complete_done
from driver.kernel.net.netpoll import netpoll_poll_dev
from tests.kernel.net.nic import Nic
from tests.kernel.net.test_napi import Poll, add_device, schedule
from tests.kernel.support import Computer, events


def add(computer: Computer, poll: Poll) -> Napi:
    napi = add_device(computer, poll)
    assert napi.dev is not None
    napi.dev.running = True
    return napi


def test_a_driver_without_a_special_case_takes_no_packet_and_does_not_complete() -> None:
    computer = Computer()
    nic = Nic(computer)
    nic.masked = True
    nic.arrive()
    polls = events(computer, "napi_poll")
    computer.spawn(netpoll_poll_dev(nic.dev))
    computer.run(1000)
    assert nic.budgets == [0]
    assert [event[3:] for event in polls] == [(0, 0)]
    assert len(nic.ring) == 1
    assert nic.masked
    assert nic.napi.state == NapiState.LISTED


def test_work_with_a_budget_of_0_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    computer = Computer()
    results = []

    async def poll(napi: Napi, _budget: int) -> int:
        results.append(await napi_complete_done(napi, 1))
        return 1

    napi = add(computer, poll)
    assert napi.dev is not None
    computer.spawn(netpoll_poll_dev(napi.dev))
    computer.run(1000)
    assert "exceeded budget in poll" in caplog.text
    assert results == [False]


def test_a_disabled_instance_and_one_of_an_interface_that_is_down_are_left_alone() -> None:
    computer = Computer()
    nic = Nic(computer)
    computer.spawn(nic.down())
    computer.run(1000)
    computer.spawn(netpoll_poll_dev(nic.dev))
    computer.run(2000)
    computer.spawn(nic.up_again())
    nic.dev.running = False
    computer.spawn(netpoll_poll_dev(nic.dev))
    computer.run(3000)
    assert 0 not in nic.budgets


@pytest.mark.parametrize("cpus", [1, 2])
def test_it_does_not_enter_a_poll_that_is_under_way(cpus: int) -> None:
    """On its own CPU it comes by an interrupt, on another at any time."""
    computer = Computer(cpus=cpus)
    budgets = []

    async def poll(napi: Napi, budget: int) -> int:
        budgets.append(budget)
        await spend(10_000)
        await napi_complete_done(napi, 0)
        return 0

    napi = add(computer, poll)
    assert napi.dev is not None
    dev = napi.dev
    computer.on_interrupt(lambda: netpoll_poll_dev(dev), time=5000)
    computer.run(0)
    computer.machine.kthread_run(schedule(napi), "up", computer.machine.cpus[0])
    if cpus == 2:
        computer.machine.irqs.desc(16).effective = 1
    computer.run(100_000)
    assert budgets == [64]


def test_a_poll_waits_for_netpoll_on_another_cpu() -> None:
    computer = Computer(cpus=2, cpu_relax=50)
    spans = []

    async def poll(napi: Napi, budget: int) -> int:
        start = computer.machine.now
        await spend(10_000)
        spans.append((budget, start, computer.machine.now))
        if budget:
            await napi_complete_done(napi, 0)
        return 0

    napi = add(computer, poll)
    assert napi.dev is not None
    computer.machine.kthread_run(netpoll_poll_dev(napi.dev), "netconsole", computer.machine.cpus[1])
    computer.run(5000)
    computer.machine.kthread_run(schedule(napi), "up", computer.machine.cpus[0])
    computer.run(100_000)
    assert spans == [(0, 0, 10_000), (64, 10_050, 20_050)]
