"""Busy polling: ownership, how it ends, the preference for it, and suspended interrupts (net/core/dev.c)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from driver.kernel.net.busy_poll import (
    busy_loop_current_time,
    busy_loop_timeout,
    napi_busy_loop,
    napi_by_id,
    napi_id_valid,
    napi_resume_irqs,
    napi_suspend_irqs,
)
from driver.kernel.net.napi import NapiState, napi_disable, napi_schedule_prep
from tests.kernel.net.nic import Nic
from tests.kernel.net.test_napi import schedule
from tests.kernel.support import Computer
from tests.kernel.test_sched import start_hogs


def busy_poller(
    nic: Nic, until: Callable[[], bool], ended: list[int], *, prefer: bool = False, timeout: int = 1000
) -> None:
    """Start a thread that polls busily until something happened, or a timeout in us."""

    def loop_end(start: int) -> bool:
        return until() or busy_loop_timeout(start, timeout)

    async def thread() -> None:
        await napi_busy_loop(nic.napi.id, loop_end, prefer_busy_poll=prefer)
        ended.append(nic.computer.machine.now)

    nic.computer.spawn(thread(), "poller")


def test_a_busy_poller_gets_its_packet_without_an_interrupt_and_leaves_it_unmasked() -> None:
    computer = Computer(cpu_relax=50, napi_poll=50)
    nic = Nic(computer)
    ended: list[int] = []
    busy_poller(nic, lambda: bool(nic.received), ended)
    computer.run(9_000)
    assert nic.napi.state & NapiState.IN_BUSY_POLL
    nic.masked = True  # an interrupt would only be in the way of what is looked at
    nic.arrives(10_000)
    computer.run(20_000)
    assert nic.received == [1]
    assert 10_000 < ended[0] < 11_000
    assert nic.interrupts == 1  # the cause was latched, and interrupts when it is unmasked
    assert set(nic.budgets[:-1]) == {8}
    assert nic.napi.state == NapiState.LISTED
    assert not nic.masked
    assert computer.machine.busy_poll_rx_packets == 1


def test_an_interrupt_during_a_busy_poll_is_missed_and_served_by_the_last_poll() -> None:
    computer = Computer(cpu_relax=50, napi_poll=50, irq_entry=100)
    nic = Nic(computer)
    ended: list[int] = []
    busy_poller(nic, lambda: len(nic.received) >= 2, ended)
    nic.arrives(10_000)
    nic.arrives(20_000)
    computer.run(100_000)
    assert nic.received == [1, 2]
    assert nic.interrupts == 2
    assert nic.napi.state == NapiState.LISTED
    nic.arrives(200_000)
    computer.run(300_000)
    assert nic.received == [1, 2, 3]


def test_it_ends_at_its_time() -> None:
    computer = Computer(cpu_relax=50)
    nic = Nic(computer)
    ended: list[int] = []
    busy_poller(nic, lambda: False, ended, timeout=20)
    computer.run(1_000_000)
    assert 20 * 1024 < ended[0] <= 22 * 1024
    assert nic.napi.state == NapiState.LISTED


def test_without_a_loop_end_it_polls_once_and_gives_up() -> None:
    computer = Computer()
    nic = Nic(computer)
    for _ in range(30):
        nic.ring.append(bytes(60))
    computer.spawn(napi_busy_loop(nic.napi.id, None))
    computer.run(computer.machine.now)
    computer.run(800)
    assert len(nic.ring) == 22
    computer.run(1_000_000)
    assert not nic.ring  # the last poll was full as well: the softirq took over
    assert nic.budgets == [8, 8, 64]
    assert nic.napi.state == NapiState.LISTED


def test_an_owner_is_not_disturbed_but_told_of_the_preference() -> None:
    computer = Computer(cpu_relax=50)
    nic = Nic(computer)
    assert napi_schedule_prep(nic.napi)
    ended: list[int] = []
    busy_poller(nic, lambda: False, ended, timeout=10)
    computer.run(100_000)
    assert ended
    assert nic.napi.polls == 0
    assert nic.napi.state == NapiState.LISTED | NapiState.SCHED
    busy_poller(nic, lambda: False, ended, timeout=10, prefer=True)
    computer.run(200_000)
    assert nic.napi.state == NapiState.LISTED | NapiState.SCHED | NapiState.PREFER_BUSY_POLL


def test_a_preferring_poller_leaves_interrupts_masked_until_the_timer() -> None:
    computer = Computer(cpu_relax=50)
    nic = Nic(computer)
    nic.napi.gro_flush_timeout, nic.napi.defer_hard_irqs = 100_000, 2
    ended: list[int] = []
    nic.arrive()
    computer.run(10_000)  # masked from here on
    assert nic.masked
    busy_poller(nic, lambda: len(nic.received) >= 2, ended, prefer=True)
    nic.arrives(20_000)
    nic.arrives(30_000)
    computer.run(60_000)
    assert nic.received == [1, 2]
    assert nic.masked
    assert nic.interrupts == 1
    assert not nic.napi.state & NapiState.SCHED
    computer.run(ended[0] + 110_000)
    assert nic.received == [1, 2, 3]
    computer.run(1_000_000)
    assert not nic.masked


def test_a_preferring_poller_that_leaves_packets_leaves_them_to_the_timer() -> None:
    computer = Computer(cpu_relax=50)
    nic = Nic(computer)
    nic.napi.gro_flush_timeout, nic.napi.defer_hard_irqs = 100_000, 1
    nic.masked = True
    for _ in range(20):
        nic.arrive()
    ended: list[int] = []
    busy_poller(nic, lambda: bool(nic.received), ended, prefer=True)
    computer.run(50_000)
    assert len(nic.received) == 16
    assert not nic.napi.state & NapiState.SCHED
    assert not nic.napi.on_list
    computer.run(200_000)
    assert len(nic.received) == 20


def test_a_timer_that_fires_during_the_last_poll_of_a_preferring_poller_is_lost() -> None:
    """Linux's __busy_poll_stop has this hole: gro_flush_timeout must be longer than a poll takes."""
    computer = Computer(cpu_relax=50)
    nic = Nic(computer)
    nic.napi.gro_flush_timeout, nic.napi.defer_hard_irqs = 500, 1
    nic.masked = True
    for _ in range(20):
        nic.arrive()
    ended: list[int] = []
    busy_poller(nic, lambda: bool(nic.received), ended, prefer=True)
    computer.run(1_000_000)
    assert ended == [1650]  # two polls of 800 ns: the timer fired in the second
    assert len(nic.received) == 16
    assert nic.napi.timer.base is None
    nic.masked = False
    nic.interrupt_for_nothing()
    computer.run(2_000_000)
    assert len(nic.received) == 20


def test_a_poller_shares_its_cpu_and_gives_the_instance_up_when_its_turn_is_over() -> None:
    computer = Computer(cpu_relax=1000)
    nic = Nic(computer)
    ended: list[int] = []
    (hog,) = start_hogs(computer, 1)
    busy_poller(nic, lambda: False, ended, timeout=100_000)
    owned = []
    for time in range(0, 20_000_000, 100_000):
        computer.run(time)
        current = computer.machine.cpus[0].current
        owned.append((current is hog, bool(nic.napi.state & NapiState.IN_BUSY_POLL)))
    assert {is_owned for is_hog, is_owned in owned if is_hog} == {False}
    assert (False, True) in owned
    assert hog.sum_exec_runtime == pytest.approx(10_000_000, abs=1_500_000)


def test_ids() -> None:
    computer = Computer()
    nic = Nic(computer)
    found = []

    async def thread() -> None:
        found.extend([napi_by_id(65), napi_by_id(66)])
        await napi_disable(nic.napi)
        found.append(napi_by_id(65))
        await napi_busy_loop(65, lambda _start: False)  # nobody there: returns

    computer.spawn(thread())
    computer.run(1000)
    assert found == [nic.napi, None, None]
    assert [napi_id_valid(napi_id) for napi_id in (0, 64, 65)] == [False, False, True]


def test_a_microsecond_of_busy_polling_is_1024_ns() -> None:
    computer = Computer()
    times = []

    async def thread() -> None:
        times.extend([busy_loop_current_time(), busy_loop_timeout(0, 50), busy_loop_timeout(0, 0)])

    computer.run(50 * 1024 + 1023)
    computer.spawn(thread())
    computer.run(50 * 1024 + 1023)
    assert times == [50, False, True]


# --- suspended interrupts ---------------------------------------------------------------------------------------------


def test_interrupts_stay_off_while_the_application_works_and_come_back_when_it_finds_nothing() -> None:
    computer = Computer(cpu_relax=50)
    nic = Nic(computer)
    napi = nic.napi
    napi.gro_flush_timeout, napi.defer_hard_irqs, napi.irq_suspend_timeout = 20_000, 1, 10_000_000
    nic.arrive()
    computer.run(5_000)
    ended: list[int] = []
    computer.at(6_000, lambda: busy_poller(nic, lambda: len(nic.received) >= 2, ended, prefer=True))
    nic.arrives(7_000)
    computer.run(9_000)
    assert ended

    async def suspend() -> None:
        napi_suspend_irqs(napi.id)

    computer.spawn(suspend())
    nic.arrives(10_000)
    computer.run(5_000_000)
    assert nic.received == [1, 2]  # neither an interrupt nor the usual timer
    assert nic.masked
    computer.spawn(napi_resume_irqs(napi.id))
    computer.run(5_001_000)
    assert nic.received == [1, 2, 3]
    computer.run(6_000_000)
    assert not nic.masked


def test_the_suspension_ends_by_itself() -> None:
    computer = Computer()
    nic = Nic(computer)
    napi = nic.napi
    napi.irq_suspend_timeout = 1_000_000
    nic.masked = True

    async def suspend() -> None:
        napi_suspend_irqs(napi.id)

    computer.spawn(suspend())
    nic.arrives(10_000)
    computer.run(999_000)
    assert nic.received == []
    computer.run(1_001_000)
    assert nic.received == [1]
    assert not nic.masked


def test_without_a_timeout_nothing_is_suspended_or_resumed() -> None:
    computer = Computer()
    nic = Nic(computer)

    async def thread() -> None:
        napi_suspend_irqs(nic.napi.id)
        await napi_resume_irqs(nic.napi.id)

    computer.spawn(thread())
    computer.run(1000)
    assert nic.napi.timer.base is None
    assert nic.napi.polls == 0


def test_schedule_while_busy_polled_is_not_lost_when_the_poller_leaves() -> None:
    computer = Computer(cpu_relax=50)
    nic = Nic(computer)
    ended: list[int] = []
    busy_poller(nic, lambda: False, ended, timeout=20)
    computer.at(5_000, lambda: computer.spawn(schedule(nic.napi)))
    computer.run(100_000)
    assert nic.napi.state == NapiState.LISTED
