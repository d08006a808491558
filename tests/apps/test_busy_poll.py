"""Busy polling of sockets and of epoll: who takes the packets, what becomes of the interrupts, and what it gains."""

from __future__ import annotations

import errno

import pytest

from driver.apps.udp import Echo, EpollServer, Server
from driver.kernel.cpu import Account
from driver.kernel.eventpoll import EpollParams, EventPoll, epoll_set_params
from driver.kernel.net.napi import NapiState
from driver.kernel.net.sock import SO, SocketOption
from tests.apps.support import MS, AppRig


def irqs(rig: AppRig) -> int:
    return rig.adapter.rx_irqs


def busy_socket(**more: int) -> dict[SocketOption, int]:
    return {SO.SO_BUSY_POLL: 1000} | {SocketOption[name]: value for name, value in more.items()}


def defer(rig: AppRig, *, timeout_ns: int, count: int) -> None:
    """gro_flush_timeout and napi_defer_hard_irqs."""
    rig.adapter.napi.gro_flush_timeout, rig.adapter.napi.defer_hard_irqs = timeout_ns, count


def exchange(rig: AppRig, count: int = 100) -> tuple[int, int]:
    """One request after the other; returns the median latency in ns and the receive interrupts."""
    before = irqs(rig)
    client = rig.closed_loop(1, count)
    rig.run_until_answered(client, count)
    assert client.latency is not None
    return client.latency.p50, irqs(rig) - before


def test_a_socket_that_polls_itself_is_faster() -> None:
    """No wake-up and no switch. Nobody masks the interrupts meanwhile, so they come, and find the instance owned."""
    blocking, busy = AppRig(), AppRig()
    blocking.start(Echo(7))
    busy.start(Echo(7, busy_socket()))
    latency, interrupts = exchange(blocking)
    busy_latency, busy_interrupts = exchange(busy)
    assert interrupts == busy_interrupts == 100
    assert busy_latency < latency - 1000
    assert busy.machine.busy_poll_rx_packets >= 90  # the first one tells the socket which instance to poll
    assert blocking.machine.busy_poll_rx_packets == 0


def test_preferring_busy_polls_it_needs_no_interrupts() -> None:
    rig = AppRig()
    rig.start(Echo(7, busy_socket(SO_PREFER_BUSY_POLL=1)))
    defer(rig, timeout_ns=2 * MS, count=100)
    assert exchange(rig)[1] <= 2


def test_after_its_time_it_sleeps_and_interrupts_are_back() -> None:
    rig = AppRig()
    rig.start(Echo(7, busy_socket(SO_BUSY_POLL=20)))
    exchange(rig, 2)
    rig.run_for(MS)
    assert rig.machine.idle
    assert not rig.adapter.napi.state & (NapiState.SCHED | NapiState.IN_BUSY_POLL)
    before = irqs(rig)
    exchange(rig, 1)
    assert irqs(rig) > before


def test_busy_read_is_the_default_of_sockets() -> None:
    rig = AppRig()
    rig.machine.sysctl.busy_read = 1000
    rig.start(Echo(7))
    exchange(rig)
    assert rig.machine.busy_poll_rx_packets >= 90


@pytest.mark.parametrize("budget", [0, 3])
def test_a_poll_takes_as_many_packets_as_the_socket_says(budget: int) -> None:
    rig = AppRig(rate=8_000_000_000)
    rig.start(Server(7, 20_000, options=busy_socket(SO_BUSY_POLL_BUDGET=budget)))
    exchange(rig, 2)
    polls: list[tuple[int, int]] = []
    rig.machine.tracepoints.register("napi_poll", lambda _napi, work, budget: polls.append((work, budget)))
    client = rig.open_loop(40_000, 60)
    rig.run_until_answered(client, 60)
    assert {size for _, size in polls} >= {budget or 8}
    assert max(work for work, size in polls if size == (budget or 8)) <= (budget or 8)


def test_preferring_busy_polls_keeps_interrupts_off_under_load() -> None:
    """Between two polls the application works, and no interrupt comes: the timer is the safety net."""
    rig = AppRig(rate=8_000_000_000)
    rig.start(Server(7, 10_000, options=busy_socket(SO_PREFER_BUSY_POLL=1, SO_BUSY_POLL_BUDGET=64)))
    defer(rig, timeout_ns=2 * MS, count=100)
    exchange(rig, 5)
    before = irqs(rig)
    client = rig.open_loop(60_000, 600)
    rig.run_until_answered(client, 600)
    assert irqs(rig) - before <= 1
    assert rig.machine.init_net.mib.udp.RcvbufErrors == 0


def test_without_preferring_them_a_working_application_is_interrupted() -> None:
    rig = AppRig(rate=8_000_000_000)
    rig.start(Server(7, 10_000, options=busy_socket()))
    exchange(rig, 5)
    before = irqs(rig)
    client = rig.open_loop(60_000, 600)
    rig.run_until_answered(client, 600)
    assert irqs(rig) - before > 50


def test_no_packet_is_lost_between_polling_and_interrupts() -> None:
    """Requests at all distances meet a server that polls for 10 us: while it polls, as it stops, after that."""
    rig = AppRig()
    rig.start(Echo(7, busy_socket(SO_BUSY_POLL=10)))
    for distance in range(5_000, 30_000, 250):
        client = rig.open_loop(1_000_000_000 // distance, 4)
        rig.run_until_answered(client, 4, limit_ns=2 * MS)
    assert rig.machine.init_net.mib.udp.InErrors == 0


# --- epoll ------------------------------------------------------------------------------------------------------------


def test_epoll_polls_the_instance_of_its_files() -> None:
    blocking, busy = AppRig(), AppRig()
    blocking.start(EpollServer([7]))
    busy.start(EpollServer([7], busy_poll=EpollParams(busy_poll_usecs=1000)))
    latency, _ = exchange(blocking)
    busy_latency, _ = exchange(busy)
    assert busy_latency < latency - 1000
    assert busy.machine.busy_poll_rx_packets >= 90


def test_the_sysctl_busy_poll_is_the_default_of_epoll() -> None:
    rig = AppRig()
    rig.machine.sysctl.busy_poll = 1000
    rig.start(EpollServer([7]))
    exchange(rig)
    assert rig.machine.busy_poll_rx_packets >= 90


def test_epoll_forgets_the_instance_when_its_time_is_over() -> None:
    rig = AppRig()
    server = EpollServer([7], busy_poll=EpollParams(busy_poll_usecs=20))
    rig.start(server)
    exchange(rig, 3)
    assert server.epoll.napi_id == rig.adapter.napi.id
    rig.run_for(MS)
    assert server.epoll.napi_id == 0
    assert rig.machine.idle
    exchange(rig, 3)


def test_irq_suspend_timeout_keeps_interrupts_off_while_the_application_works() -> None:
    """With it a server that always finds work sees no interrupts, however long that takes compared with the timer."""
    interrupts = []
    for suspend_ns in (0, 20 * MS):
        rig = AppRig(rate=8_000_000_000)
        params = EpollParams(busy_poll_usecs=100, busy_poll_budget=64, prefer_busy_poll=True)
        rig.start(EpollServer([7, 8], service_ns=30_000, busy_poll=params))
        defer(rig, timeout_ns=20_000, count=1)
        rig.adapter.napi.irq_suspend_timeout = suspend_ns
        exchange(rig, 5)
        before = irqs(rig)
        client = rig.open_loop(20_000, 200)
        rig.run_until_answered(client, 200)
        interrupts.append(irqs(rig) - before)
    assert interrupts[1] <= 2 < interrupts[0]


def test_epoll_that_finds_nothing_gives_interrupts_back() -> None:
    rig = AppRig()
    params = EpollParams(busy_poll_usecs=50, prefer_busy_poll=True)
    rig.start(EpollServer([7], busy_poll=params))
    defer(rig, timeout_ns=20_000, count=2)
    rig.adapter.napi.irq_suspend_timeout = 20 * MS
    exchange(rig, 5)
    rig.run_for(2 * MS)
    assert rig.machine.idle
    before = irqs(rig)
    exchange(rig, 1)
    assert irqs(rig) == before + 1


def test_polling_is_the_applications_time() -> None:
    rig = AppRig()
    rig.start(Echo(7, busy_socket(SO_BUSY_POLL=100_000)))
    exchange(rig, 2)
    cpu = rig.machine.cpus[0]
    cpu.account()
    before = cpu.time[Account.USER]
    rig.run_for(MS)
    cpu.account()
    assert cpu.time[Account.USER] - before > 0.95 * MS


@pytest.mark.parametrize(
    ("params", "error"),
    [(EpollParams(-1), errno.EINVAL), (EpollParams(0, -1), errno.EINVAL), (EpollParams(0, 65), errno.EPERM)],
)
def test_bad_parameters_are_refused(params: EpollParams, error: int) -> None:
    rig = AppRig()

    async def attempt() -> int | None:
        with pytest.raises(OSError) as caught:  # noqa: PT011 - the errno is the test
            await epoll_set_params(EventPoll(), params)
        return caught.value.errno

    assert rig.call(attempt()) == error
