"""epoll: which files are reported, how long it waits, who is woken (fs/eventpoll.c)."""

from __future__ import annotations

import errno
from collections.abc import Coroutine
from typing import Any

import pytest

from driver.kernel.eventpoll import (
    EpollParams,
    EventPoll,
    epoll_create,
    epoll_ctl_add,
    epoll_ctl_del,
    epoll_ctl_mod,
    epoll_set_params,
    epoll_wait,
)
from driver.kernel.net.ipv4.udp import Datagram
from driver.kernel.net.sock import EPOLLIN, EPOLLOUT, Sock
from driver.kernel.net.socket import recvmsg, sendmsg
from tests.kernel.net.frames import address
from tests.kernel.net.host import Host
from tests.kernel.net.ipv4.test_udp import bound, to

MS = 1_000_000


def watched(host: Host, *sockets: Sock, events: int = EPOLLIN) -> EventPoll:
    """An epoll set with sockets."""

    async def make() -> EventPoll:
        ep = await epoll_create()
        for sk in sockets:
            await epoll_ctl_add(ep, sk, events)
        return ep

    return host.call(make())


class Waiter:
    """A thread that waits once.

    Attributes:
        events: what epoll_wait returned; None until it did.
        at: when.
    """

    def __init__(self, host: Host, ep: EventPoll, timeout_ms: int = -1, maxevents: int = 8) -> None:
        self.events: list[tuple[Sock, int]] | None = None
        self.at = 0
        self._host = host
        host.computer.spawn(self._wait(ep, timeout_ms, maxevents))
        host.computer.run(host.machine.now)

    async def _wait(self, ep: EventPoll, timeout_ms: int, maxevents: int) -> None:
        self.events = await epoll_wait(ep, maxevents, timeout_ms)
        self.at = self._host.machine.now


def test_it_waits_for_the_first_of_many() -> None:
    host = Host()
    one, two = bound(host, 1), bound(host, 2)
    waiter = Waiter(host, watched(host, one, two))
    host.computer.run(5 * MS)
    assert waiter.events is None
    host.receive(to(2))
    host.computer.run(6 * MS)
    assert waiter.events == [(two, EPOLLIN)]


def test_what_is_ready_already_is_reported_at_once() -> None:
    host = Host()
    sk = bound(host)
    host.receive(to(7))
    assert Waiter(host, watched(host, sk)).events == [(sk, EPOLLIN)]


def test_level_triggered_files_are_reported_until_they_are_drained() -> None:
    host = Host()
    sk = bound(host)
    ep = watched(host, sk)
    host.receive(to(7), to(7))
    for _ in range(2):
        assert Waiter(host, ep, 0).events == [(sk, EPOLLIN)]
        host.call(recvmsg(sk))
    assert Waiter(host, ep, 0).events == []
    host.receive(to(7))
    assert Waiter(host, ep, 0).events == [(sk, EPOLLIN)]


def test_maxevents_shares_fairly() -> None:
    host = Host()
    sockets = [bound(host, port) for port in (1, 2, 3)]
    ep = watched(host, *sockets)
    host.receive(to(1), to(2), to(3))
    seen = [[sk.sport for sk, _ in Waiter(host, ep, 0, maxevents=2).events or []] for _ in range(3)]
    assert seen == [[1, 2], [3, 1], [2, 3]]


@pytest.mark.parametrize("timeout", [0, 3])
def test_a_timeout_ends_the_wait(timeout: int) -> None:
    host = Host()
    ep = watched(host, bound(host))
    start = host.machine.now
    waiter = Waiter(host, ep, timeout)
    host.computer.run(start + 10 * MS)
    assert (waiter.events, waiter.at - start) == ([], timeout * MS)


def test_each_event_wakes_one_waiter() -> None:
    host = Host()
    sk = bound(host)
    ep = watched(host, sk)
    waiters = [Waiter(host, ep) for _ in range(3)]
    host.receive(to(7))
    host.computer.run(host.machine.now + MS)
    assert [waiter.events is not None for waiter in waiters] == [True, False, False]


def test_room_in_the_send_buffer_is_an_event() -> None:
    host = Host()
    host.hold = True
    sk = bound(host)
    sk.sndbuf = 2 * 2304
    ep = watched(host, sk, events=EPOLLOUT)
    assert Waiter(host, ep, 0).events == [(sk, EPOLLOUT)]
    for _ in range(2):
        host.call(sendmsg(sk, b"x", Datagram(b"", address(2), 9)))
    assert Waiter(host, ep, 0).events == []
    waiter = Waiter(host, ep)
    host.receive(to(7))
    assert waiter.events is None  # this is not what it waits for
    host.release(2)
    host.computer.run(host.machine.now + MS)
    assert waiter.events == [(sk, EPOLLOUT)]


def test_a_sent_packet_does_not_wake_who_waits_for_data() -> None:
    host = Host()
    host.hold = True
    sk = bound(host)
    ep = watched(host, sk)
    waiter = Waiter(host, ep)
    host.call(sendmsg(sk, b"x", Datagram(b"", address(2), 9)))
    host.release(1)
    host.computer.run(host.machine.now + MS)
    assert waiter.events is None
    assert not ep.rdllist


def test_a_set_can_be_changed() -> None:
    host = Host()
    sk = bound(host)
    ep = watched(host, sk, events=EPOLLOUT)
    host.receive(to(7))
    host.call(epoll_ctl_mod(ep, sk, EPOLLIN))
    assert Waiter(host, ep, 0).events == [(sk, EPOLLIN)]
    host.call(epoll_ctl_del(ep, sk))
    host.receive(to(7))
    assert Waiter(host, ep, 0).events == []


def test_errors() -> None:
    host = Host()
    sk, other = bound(host, 1), bound(host, 2)
    ep = watched(host, sk)
    calls: list[tuple[Coroutine[Any, Any, Any], int]] = [
        (epoll_ctl_add(ep, sk, EPOLLIN), errno.EEXIST),
        (epoll_ctl_mod(ep, other, EPOLLIN), errno.ENOENT),
        (epoll_ctl_del(ep, other), errno.ENOENT),
        (epoll_wait(ep, 0), errno.EINVAL),
    ]

    async def attempt(code: Coroutine[Any, Any, Any]) -> int | None:
        with pytest.raises(OSError) as caught:  # noqa: PT011 - the errno is the test
            await code
        return caught.value.errno

    for code, error in calls:
        assert host.call(attempt(code)) == error


def test_calls_and_looking_cost_time() -> None:
    host = Host(syscall=100, epoll_wait=30)
    one, two = bound(host, 1), bound(host, 2)
    host.receive(to(1), to(2))
    costs: list[int] = []

    async def calls() -> None:
        now = host.machine.now
        ep = await epoll_create()
        for call in (
            lambda: epoll_ctl_add(ep, one, EPOLLIN),
            lambda: epoll_ctl_add(ep, two, EPOLLIN),
            lambda: epoll_wait(ep, 8),
            lambda: epoll_ctl_mod(ep, one, EPOLLIN),
            lambda: epoll_ctl_del(ep, two),
            lambda: epoll_wait(ep, 8),
            lambda: epoll_set_params(ep, EpollParams()),
        ):
            await call()
            costs.append(host.machine.now - now)
            now = host.machine.now

    host.call(calls())
    assert costs == [200, 100, 160, 100, 100, 130, 100]  # the first is of epoll_create, too
