"""epoll: waiting for many files at once (fs/eventpoll.c). Level-triggered; the files are sockets."""

from __future__ import annotations

import errno
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from driver.kernel.cpu import KTIME_MAX, spend, this_cpu
from driver.kernel.net.busy_poll import (
    BUSY_POLL_BUDGET,
    busy_loop_timeout,
    napi_busy_loop,
    napi_id_valid,
    napi_resume_irqs,
    napi_suspend_irqs,
)
from driver.kernel.net.napi import NAPI_POLL_WEIGHT
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


class EpollParams(NamedTuple):
    """How an epoll set polls busily (struct epoll_params).

    Attributes:
        busy_poll_usecs: how long, in us of 1,024 ns; 0 for net.core.busy_poll.
        busy_poll_budget: packets of one poll; 0 for the usual 8.
        prefer_busy_poll: keep interrupts off while it polls, and for irq_suspend_timeout after it found something.
    """

    busy_poll_usecs: int = 0
    busy_poll_budget: int = 0
    prefer_busy_poll: bool = False


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
        napi_id: instance to poll busily: that of the last file that had events; 0 for none.
        params: how to poll busily.
    """

    def __init__(self) -> None:
        self.wq = WaitQueueHead()
        self.rdllist: deque[Epitem] = deque()
        self.items: dict[Sock, Epitem] = {}
        self.napi_id = 0
        self.params = EpollParams()

    @property
    def busy_loop_usecs(self) -> int:
        """How long epoll_wait polls busily: as set for this set, or else net.core.busy_poll."""
        return self.params.busy_poll_usecs or this_cpu().machine.sysctl.busy_poll

    def set_busy_poll_napi_id(self, file: Sock) -> None:
        """Remember which instance a file's packets come by (ep_set_busy_poll_napi_id)."""
        if (self.busy_loop_usecs or self.params.prefer_busy_poll) and napi_id_valid(file.napi_id):
            self.napi_id = file.napi_id

    def poll_callback(self, item: Epitem, key: int) -> bool:
        """Something happened to a file: put it on the list, and wake whoever waits for that (ep_poll_callback)."""
        self.set_busy_poll_napi_id(item.file)
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
    ep.set_busy_poll_napi_id(file)
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


async def epoll_set_params(ep: EventPoll, params: EpollParams) -> None:
    """ioctl(EPIOCSPARAMS): say how epoll_wait polls busily.

    Raises:
        OSError: EINVAL, a negative value; EPERM, more packets than NAPI_POLL_WEIGHT.
    """
    await spend(this_cpu().machine.costs.syscall)
    if params.busy_poll_usecs < 0 or params.busy_poll_budget < 0:
        raise OSError(errno.EINVAL, f"Invalid argument: {params}")
    if params.busy_poll_budget > NAPI_POLL_WEIGHT:
        raise OSError(errno.EPERM, f"Operation not permitted: a budget of more than {NAPI_POLL_WEIGHT}: {params}")
    ep.params = params


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
    """ep_poll: look, poll busily, sleep until something happens or the time comes, look again."""
    machine = this_cpu().machine
    while True:
        if ep.rdllist:
            events = await ep.send_events(maxevents)
            if events:
                if ep.params.prefer_busy_poll and napi_id_valid(ep.napi_id):
                    napi_suspend_irqs(ep.napi_id)
                return events
        if machine.now >= deadline:
            return []
        if not await _ep_busy_loop(ep) and not ep.rdllist:
            wait = autoremove_wait(current_task(), exclusive=True)
            ep.wq.add(wait)
            await schedule_hrtimeout_until(deadline)
            ep.wq.remove(wait)


async def _ep_busy_loop(ep: EventPoll) -> bool:
    """Poll the instance busily until there are events; true if there are (ep_busy_loop)."""
    napi_id, usecs = ep.napi_id, ep.busy_loop_usecs
    if not (napi_id_valid(napi_id) and (usecs or ep.params.prefer_busy_poll)):
        return False

    def loop_end(start_time: int) -> bool:
        return bool(ep.rdllist) or busy_loop_timeout(start_time, usecs)

    budget = ep.params.busy_poll_budget or BUSY_POLL_BUDGET
    await napi_busy_loop(napi_id, loop_end, prefer_busy_poll=ep.params.prefer_busy_poll, budget=budget)
    if ep.rdllist:
        return True
    if ep.params.prefer_busy_poll:
        await napi_resume_irqs(napi_id)
    ep.napi_id = 0  # until another file has events
    return False


def _item(ep: EventPoll, file: Sock) -> Epitem:
    if file not in ep.items:
        raise OSError(errno.ENOENT, "No such file: the socket is not in this epoll set")
    return ep.items[file]
