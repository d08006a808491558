"""Threaded NAPI: the thread, its modes and how they change (net/core/dev.c)."""

from __future__ import annotations

import pytest

from driver.kernel.cpu import Account
from driver.kernel.net.napi import NapiState, NapiThreaded, napi_disable, netif_napi_add, netif_napi_del
from driver.kernel.net.threaded import napi_set_threaded, netif_set_threaded
from driver.kernel.sched import Task, set_user_nice
from driver.kernel.softirq import Vector
from tests.kernel.net.nic import Nic
from tests.kernel.net.test_napi import nothing
from tests.kernel.support import Computer
from tests.kernel.test_sched import start_hogs

ENABLED, DISABLED, BUSY_POLL = NapiThreaded.ENABLED, NapiThreaded.DISABLED, NapiThreaded.BUSY_POLL


def set_mode(computer: Computer, nic: Nic, mode: NapiThreaded) -> None:
    computer.spawn(netif_set_threaded(nic.dev, mode), "sh")
    computer.run(computer.machine.now + 1000)


def thread_of(nic: Nic) -> Task:
    assert nic.napi.thread is not None
    return nic.napi.thread


def test_the_thread_polls_and_no_softirq_does() -> None:
    computer = Computer()
    nic = Nic(computer)
    set_mode(computer, nic, ENABLED)
    assert thread_of(nic).comm == "napi/eth0-65"
    assert nic.napi.state & NapiState.THREADED
    for _ in range(1000):
        nic.arrive()
    computer.run(10_000_000)
    assert nic.received == list(range(1, 1001))
    cpu = computer.machine.cpus[0]
    cpu.account()
    assert cpu.softirq_counts[Vector.NET_RX] == 0
    assert cpu.softnet.time_squeeze == 0
    assert cpu.time[Account.SOFTIRQ] == cpu.time[Account.KSOFTIRQD] == 0
    assert thread_of(nic).sum_exec_runtime == 1000 * 100
    assert not nic.masked
    assert nic.napi.state == NapiState.LISTED | NapiState.THREADED


@pytest.mark.slow
def test_the_thread_shares_its_cpu_by_its_nice_level() -> None:
    computer = Computer()
    nic = Nic(computer)
    set_mode(computer, nic, ENABLED)
    set_user_nice(thread_of(nic), 5)
    (hog,) = start_hogs(computer, 1)
    computer.machine.cpus[0].account()
    before = thread_of(nic).sum_exec_runtime

    def flood() -> None:
        while len(nic.ring) < 20_000:
            nic.arrive()

    for time in range(0, 200_000_000, 1_000_000):
        computer.at(time, flood)
    computer.run(200_000_000)
    computer.machine.cpus[0].account()
    ran = thread_of(nic).sum_exec_runtime - before
    assert ran / (ran + hog.sum_exec_runtime) == pytest.approx(335 / 1359, abs=0.02)


def test_a_free_thread_runs_on_another_cpu_than_its_interrupt() -> None:
    computer = Computer(cpus=2, netif_receive_skb=1000)
    nic = Nic(computer)
    set_mode(computer, nic, ENABLED)
    start_hogs(computer, 1, cpu=0)
    for time in range(10_000, 1_000_000, 10_000):
        nic.arrives(time)
    computer.run(2_000_000)
    assert nic.received == list(range(1, 100))
    assert computer.machine.irqs.desc(16).counts == [99, 0]
    assert computer.machine.cpus[1].softnet.processed == 99


def test_a_busy_polling_thread_needs_one_interrupt_for_good() -> None:
    computer = Computer(cpu_relax=50)
    nic = Nic(computer)
    set_mode(computer, nic, BUSY_POLL)
    for time in range(10_000, 1_000_000, 10_000):
        nic.arrives(time)
    computer.run(1_100_000)
    assert nic.received == list(range(1, 100))
    assert nic.interrupts == 1
    assert nic.masked
    assert nic.napi.state & NapiState.IN_BUSY_POLL
    assert computer.machine.idle  # it finds nothing: the run may end


@pytest.mark.slow
@pytest.mark.parametrize("before", [DISABLED, ENABLED, BUSY_POLL])
@pytest.mark.parametrize("after", [DISABLED, ENABLED, BUSY_POLL])
def test_the_mode_can_change_at_any_time(before: NapiThreaded, after: NapiThreaded) -> None:
    computer = Computer(cpu_relax=100, netif_receive_skb=500)
    nic = Nic(computer)
    set_mode(computer, nic, before)
    for time in range(10_000, 3_000_000, 1_700):
        nic.arrives(time)
    computer.at(1_000_000, lambda: computer.spawn(netif_set_threaded(nic.dev, after), "sh"))
    computer.run(100_000_000)
    assert nic.received == list(range(1, nic.sent + 1))
    assert bool(nic.napi.state & NapiState.THREADED) is (after is not DISABLED)
    assert bool(nic.napi.state & NapiState.THREADED_BUSY_POLL) is (after is BUSY_POLL)
    assert (nic.napi.thread is None) is (after is DISABLED)
    assert nic.masked is (after is BUSY_POLL)


def test_a_thread_that_is_not_needed_any_more_ends() -> None:
    computer = Computer()
    nic = Nic(computer)
    set_mode(computer, nic, ENABLED)
    task = thread_of(nic)
    set_mode(computer, nic, DISABLED)
    assert task.done
    assert nic.napi.thread is None


@pytest.mark.parametrize("mode", [ENABLED, BUSY_POLL])
def test_disabling_stops_the_thread_and_enabling_restores_it(mode: NapiThreaded) -> None:
    computer = Computer(cpu_relax=100)
    nic = Nic(computer)
    set_mode(computer, nic, mode)
    nic.arrive()
    computer.run(20_000)
    computer.spawn(nic.down())
    computer.run(10_000_000)
    assert nic.napi.state == NapiState.LISTED | NapiState.SCHED | NapiState.NPSVC
    polls = nic.napi.polls
    nic.arrive()
    computer.run(11_000_000)
    assert nic.napi.polls == polls
    computer.spawn(nic.up_again())
    computer.run(12_000_000)
    assert nic.napi.state & NapiState.THREADED
    assert nic.received == [1, 2]


def test_instances_that_are_added_later_have_threads_too_and_lose_them_when_deleted() -> None:
    computer = Computer()
    nic = Nic(computer)
    set_mode(computer, nic, ENABLED)
    napi = netif_napi_add(nic.dev, nothing)
    task = napi.thread
    assert task is not None
    assert task.comm == "napi/eth0-66"
    netif_napi_del(napi)
    computer.run(5000)
    assert task.done


def test_one_instance_alone_can_be_threaded() -> None:
    computer = Computer()
    first, second = Nic(computer, 0), Nic(computer, 1)
    computer.spawn(napi_set_threaded(second.napi, ENABLED))
    computer.run(1000)
    assert first.napi.thread is None
    assert second.napi.state & NapiState.THREADED
    computer.spawn(napi_disable(second.napi))
    computer.run(2000)
    assert not second.napi.state & NapiState.THREADED
