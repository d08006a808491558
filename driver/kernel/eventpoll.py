"""epoll: waiting for many files at once (fs/eventpoll.c). Level-triggered; the files are sockets."""

from __future__ import annotations

import errno
from collections import deque
from typing import TYPE_CHECKING

from driver.kernel.cpu import KTIME_MAX, spend, this_cpu
from driver.kernel.timer import NSEC_PER_MSEC
from driver.kernel.wait import (
    WaitQueueEntry,
    WaitQueueHead,
    autoremove_wait,
    current_task,
    schedule_hrtimeout_until,
)

if TYPE_CHECKING:
    from driver.kernel.net.sock import Sock


class Epitem:
    """A file in an epoll set (struct epitem).

    Attributes:
        file: it.
        events: what is waited for.
        ready: it is in the set's list of files that may be ready.
        entry: the set's place in the file's wait queue.
    """

    __slots__ = ("entry", "events", "file", "ready")

    def __init__(self, ep: EventPoll, file: Sock, events: int) -> None:
        self.file = file
        self.events = events
        self.ready = False
        self.entry = WaitQueueEntry(lambda _entry, key: ep.poll_callback(self, key))

    def poll(self) -> int:
        """What the file is ready for, of what is waited for (ep_item_poll)."""
        return self.file.poll() & self.events


class EventPoll:
    """An epoll set (struct eventpoll).

    Attributes:
        wq: who waits for events.
        rdllist: files that may be ready.
        items: all files.
    """

    def __init__(self) -> None:
        self.wq = WaitQueueHead()
        self.rdllist: deque[Epitem] = deque()
        self.items: dict[Sock, Epitem] = {}

    def poll_callback(self, item: Epitem, key: int) -> bool:
        """Something happened to a file: put it on the list, and wake whoever waits for that (ep_poll_callback)."""
        if not key & item.events:
            return False
        if not item.ready:
            item.ready = True
            self.rdllist.append(item)
        self.wq.wake_up()
        return True

    async def send_events(self, maxevents: int) -> list[tuple[Sock, int]]:
        """Look which files on the list are ready indeed (ep_send_events).

        Those that are go back to its end: the next call looks at them again, which is what level-triggered means.
        """
        cost = this_cpu().machine.costs.epoll_wait
        events: list[tuple[Sock, int]] = []
        for _ in range(len(self.rdllist)):
            if len(events) == maxevents:
                break
            item = self.rdllist.popleft()
            item.ready = False
            await spend(cost)
            ready = item.poll()
            if not ready or item.file not in self.items:
                continue
            events.append((item.file, ready))
            if not item.ready:  # nothing happened to it meanwhile that put it there
                item.ready = True
                self.rdllist.append(item)
        return events


async def epoll_create() -> EventPoll:
    """epoll_create1(0)."""
    await spend(this_cpu().machine.costs.syscall)
    return EventPoll()


async def epoll_ctl_add(ep: EventPoll, file: Sock, events: int) -> None:
    """epoll_ctl(EPOLL_CTL_ADD): wait for these events of a file, too.

    Raises:
        OSError: EEXIST, it is in the set already.
    """
    await spend(this_cpu().machine.costs.syscall)
    if file in ep.items:
        raise OSError(errno.EEXIST, "File exists: the socket is in this epoll set already")
    item = ep.items[file] = Epitem(ep, file, events)
    file.wq.add(item.entry)
    ep.poll_callback(item, item.poll())


async def epoll_ctl_mod(ep: EventPoll, file: Sock, events: int) -> None:
    """epoll_ctl(EPOLL_CTL_MOD): wait for other events of a file.

    Raises:
        OSError: ENOENT, it is not in the set.
    """
    await spend(this_cpu().machine.costs.syscall)
    item = _item(ep, file)
    item.events = events
    ep.poll_callback(item, item.poll())


async def epoll_ctl_del(ep: EventPoll, file: Sock) -> None:
    """epoll_ctl(EPOLL_CTL_DEL): wait for a file no longer. Do this before the socket is closed.

    Raises:
        OSError: ENOENT, it is not in the set.
    """
    await spend(this_cpu().machine.costs.syscall)
    item = _item(ep, file)
    file.wq.remove(item.entry)
    del ep.items[file]
    if item.ready and item in ep.rdllist:
        ep.rdllist.remove(item)


async def epoll_wait(ep: EventPoll, maxevents: int, timeout_ms: int = -1) -> list[tuple[Sock, int]]:
    """Files that are ready, and for what; at most so many. Waits for the first one, at most so long; -1 for ever.

    Raises:
        OSError: EINVAL, not even one event is wanted.
    """
    cpu = this_cpu()
    await spend(cpu.machine.costs.syscall)
    if maxevents <= 0:
        raise OSError(errno.EINVAL, f"Invalid argument: maxevents {maxevents}")
    deadline = KTIME_MAX if timeout_ms < 0 else cpu.machine.now + timeout_ms * NSEC_PER_MSEC
    return await _ep_poll(ep, maxevents, deadline)


async def _ep_poll(ep: EventPoll, maxevents: int, deadline: int) -> list[tuple[Sock, int]]:
    """ep_poll: look, sleep until something happens or the time comes, look again."""
    machine = this_cpu().machine
    while True:
        if ep.rdllist:
            events = await ep.send_events(maxevents)
            if events:
                return events
        if machine.now >= deadline:
            return []
        if not ep.rdllist:
            wait = autoremove_wait(current_task(), exclusive=True)
            ep.wq.add(wait)
            await schedule_hrtimeout_until(deadline)
            ep.wq.remove(wait)


def _item(ep: EventPoll, file: Sock) -> Epitem:
    if file not in ep.items:
        raise OSError(errno.ENOENT, "No such file: the socket is not in this epoll set")
    return ep.items[file]
