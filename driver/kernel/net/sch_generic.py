"""Queueing disciplines and running them: pfifo_fast, pfifo, requeueing (net/sched/sch_generic.c, sch_fifo.c).

Linux has two ways to let one CPU at a time run a qdisc: pfifo_fast is lockless and remembers in ``missed`` that
somebody came while it ran, pfifo has a lock and is scheduled for NET_TX instead.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from driver.kernel.net.dev_watchdog import netdev_watchdog_down, netdev_watchdog_up
from driver.kernel.net.hard_start_xmit import (
    NET_XMIT_CN,
    NET_XMIT_DROP,
    NET_XMIT_SUCCESS,
    NETDEV_TX_BUSY,
    dev_hard_start_xmit,
    dev_xmit_complete,
)
from driver.kernel.net.netdev_queue import NetdevQueue, __netif_schedule, netif_xmit_frozen_or_stopped
from driver.kernel.net.skbuff import kfree_skb_reason
from driver.kernel.net.validate_xmit import validate_xmit_skb_list
from driver.kernel.timer import NSEC_PER_SEC, schedule_hrtimeout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driver.kernel.net.netdevice import NetDevice
    from driver.kernel.net.skbuff import SkBuff

log = logging.getLogger(__name__)

#: Band of pfifo_fast for each priority of a packet (sch_default_prio2band).
PRIO2BAND = (1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1)


class Qdisc:
    """A queueing discipline of one transmit queue (struct Qdisc). The base class is pfifo.

    Attributes:
        gso_skb: packets that the driver did not take; they go first.
        running: a CPU is in __qdisc_run.
        scheduled: NET_TX is going to run it (__QDISC_STATE_SCHED).
        deactivated: the interface is going down (__QDISC_STATE_DEACTIVATED).
        missed, draining: it has packets, and nobody runs it or its queue is stopped (nolock only).
        packets, bytes, drops, requeues: as ``tc -s qdisc`` shows them.
        purged: packets that were thrown away when the interface went down.
    """

    id = "pfifo"
    nolock = False

    def __init__(self, queue: NetdevQueue, limit: int) -> None:
        self.queue = queue
        self.limit = limit
        self.gso_skb: deque[SkBuff] = deque()
        self.running = self.scheduled = self.deactivated = False
        self.missed = self.draining = False
        self.packets = self.bytes = self.drops = self.requeues = self.purged = 0
        self._fifo: deque[SkBuff] = deque()

    @property
    def qlen(self) -> int:
        """Packets that wait, those that the driver did not take included."""
        return len(self.gso_skb) + len(self._fifo)

    @property
    def can_bypass(self) -> bool:
        """Whether a packet may go to the driver without being queued: nothing is before it."""
        return not self.qlen

    def enqueue(self, skb: SkBuff) -> int:
        """Queue a packet: NET_XMIT_SUCCESS; or NET_XMIT_DROP, and it is the caller's to free."""
        if self.qlen >= self.limit:
            self.drops += 1
            return NET_XMIT_DROP
        self._fifo.append(skb)
        return NET_XMIT_SUCCESS

    def dequeue(self) -> SkBuff | None:
        """Take the next packet."""
        if not self._fifo:
            return None
        skb = self._fifo.popleft()
        self.bstats_update(skb)
        return skb

    def bstats_update(self, skb: SkBuff) -> None:
        """Count a packet that leaves, or that never had to wait."""
        self.packets += 1
        self.bytes += skb.len

    def reset(self) -> None:
        """Throw away what waits (qdisc_reset)."""
        waiting = [*self.gso_skb, *self._fifo]
        self.gso_skb.clear()
        self._fifo.clear()
        for skb in waiting:
            self.purged += 1
            kfree_skb_reason(skb, "QUEUE_PURGE")


class PfifoFast(Qdisc):
    """Three bands by priority, each as long as the interface's tx_queue_len; the default (pfifo_fast_ops)."""

    id = "pfifo_fast"
    nolock = True

    def __init__(self, queue: NetdevQueue, limit: int) -> None:
        super().__init__(queue, limit)
        self._bands: tuple[deque[SkBuff], ...] = (deque(), deque(), deque())

    @property
    def qlen(self) -> int:
        """Packets that wait, those that the driver did not take included."""
        return len(self.gso_skb) + sum(map(len, self._bands))

    @property
    def can_bypass(self) -> bool:
        """Whether a packet may go to the driver without being queued (nolock_qdisc_is_empty)."""
        return not self.missed and not self.draining

    def enqueue(self, skb: SkBuff) -> int:
        """Queue a packet in its band: NET_XMIT_SUCCESS; or NET_XMIT_DROP, and it is the caller's to free."""
        band = self._bands[PRIO2BAND[skb.priority & 15]]
        if len(band) >= self.limit:
            self.drops += 1
            return NET_XMIT_DROP
        band.append(skb)
        return NET_XMIT_SUCCESS

    def dequeue(self) -> SkBuff | None:
        """Take the next packet of the first band that has one."""
        for band in self._bands:
            if band:
                skb = band.popleft()
                self.bstats_update(skb)
                return skb
        self.missed = self.draining = False
        return None

    def reset(self) -> None:
        """Throw away what waits."""
        for band in self._bands:
            self._fifo.extend(band)
            band.clear()
        super().reset()
        self.missed = self.draining = False


class NoopQdisc(Qdisc):
    """The qdisc of an interface that is down or has no carrier: it drops everything (noop_qdisc)."""

    id = "noop"

    def __init__(self, queue: NetdevQueue) -> None:
        super().__init__(queue, 0)

    @property
    def can_bypass(self) -> bool:
        """Never."""
        return False

    def enqueue(self, _skb: SkBuff) -> int:
        """Drop a packet."""
        self.queue.dev.core_tx_dropped += 1
        return NET_XMIT_CN


# --- running ----------------------------------------------------------------------------------------------------------


def qdisc_run_begin(qdisc: Qdisc) -> bool:
    """Become the one who runs it; a lockless one is told that somebody else wanted to."""
    if qdisc.running:
        qdisc.missed = qdisc.missed or qdisc.nolock
        return False
    qdisc.running = True
    return True


def qdisc_run_end(qdisc: Qdisc) -> None:
    """Leave it; NET_TX goes on with what is left or came meanwhile."""
    qdisc.running = False
    if qdisc.missed:
        __netif_schedule(qdisc)


async def qdisc_run(qdisc: Qdisc) -> None:
    """Run it unless another CPU does."""
    if qdisc_run_begin(qdisc):
        await __qdisc_run(qdisc)
        qdisc_run_end(qdisc)


async def __qdisc_run(qdisc: Qdisc) -> None:
    """Give packets to the driver until there are none, it takes none, or the quota is used up."""
    sysctl = qdisc.queue.dev.machine.sysctl
    quota = sysctl.dev_weight * sysctl.dev_weight_tx_bias
    while True:
        skbs = _dequeue_skbs(qdisc, quota)
        if not skbs or not await sch_direct_xmit(skbs, qdisc):
            return
        quota -= len(skbs)
        if quota <= 0:
            _run_again(qdisc)
            return


async def sch_direct_xmit(skbs: Sequence[SkBuff], qdisc: Qdisc) -> bool:
    """Give packets to the driver unless the queue is stopped; what it does not take is requeued.

    Returns:
        Whether to go on with more.
    """
    queue = qdisc.queue
    dev = queue.dev
    skbs = await validate_xmit_skb_list(skbs, dev)
    if not skbs:
        return True
    rest, result = skbs, NETDEV_TX_BUSY
    if netif_xmit_frozen_or_stopped(queue):
        _maybe_clear_missed(qdisc)
    else:
        rest, result = await dev_hard_start_xmit(skbs, dev, queue)
    if dev_xmit_complete(result):
        return True
    if result != NETDEV_TX_BUSY:
        log.warning("BUG %s code %d qlen %d", dev.name, result, qdisc.qlen)
    qdisc.gso_skb.extend(rest)  # dev_requeue_skb; at the end, as in Linux, also what came from there
    qdisc.requeues += len(rest)
    _run_again(qdisc)
    return False


def _dequeue_skbs(qdisc: Qdisc, budget: int) -> Sequence[SkBuff]:
    """Packets for the driver (dequeue_skb): one that it did not take, or as many as its byte queue limit allows."""
    queue = qdisc.queue
    if netif_xmit_frozen_or_stopped(queue):
        _maybe_clear_missed(qdisc)
        return ()
    if qdisc.gso_skb:
        return (qdisc.gso_skb.popleft(),)
    skb = qdisc.dequeue()
    if skb is None:
        return ()
    skbs = [skb]
    room = queue.dql.avail - skb.len  # a driver without byte queue limits never has any: one packet at a time
    while room > 0 and len(skbs) < budget:
        skb = qdisc.dequeue()
        if skb is None:
            break
        room -= skb.len
        skbs.append(skb)
    return skbs


def _run_again(qdisc: Qdisc) -> None:
    """There is more to do than may be done now."""
    if qdisc.nolock:
        qdisc.missed = True
    else:
        __netif_schedule(qdisc)


def _maybe_clear_missed(qdisc: Qdisc) -> None:
    """Whoever wakes the queue schedules its qdisc: nobody else has to, but new packets must not overtake."""
    if qdisc.nolock:
        qdisc.missed, qdisc.draining = False, True


# --- with the interface -----------------------------------------------------------------------------------------------


def qdisc_create_dflt(queue: NetdevQueue) -> Qdisc:
    """The qdisc that a queue gets when its interface first comes up."""
    kinds: dict[str, type[Qdisc]] = {kind.id: kind for kind in (Qdisc, PfifoFast)}
    return kinds[queue.dev.machine.sysctl.default_qdisc](queue, queue.dev.tx_queue_len)


def dev_init_scheduler(dev: NetDevice) -> None:
    """A new interface drops what is sent on it."""
    for queue in dev.tx_queues:
        queue.qdisc = queue.qdisc_sleeping = NoopQdisc(queue)


def dev_activate(dev: NetDevice) -> None:
    """Give each queue its qdisc and start the watchdog; without a carrier, netif_carrier_on will."""
    for queue in dev.tx_queues:
        if isinstance(queue.qdisc_sleeping, NoopQdisc):
            queue.qdisc_sleeping = qdisc_create_dflt(queue)
    if not dev.carrier:
        return
    for queue in dev.tx_queues:
        queue.qdisc_sleeping.deactivated = False
        queue.qdisc = queue.qdisc_sleeping
        queue.trans_start = dev.machine.jiffies
    netdev_watchdog_up(dev)


async def dev_deactivate(dev: NetDevice) -> None:
    """Take the qdiscs away, wait until none runs, and empty them. Sleeps."""
    for queue in dev.tx_queues:
        queue.qdisc_sleeping.deactivated = True
        queue.qdisc = NoopQdisc(queue)
    netdev_watchdog_down(dev)
    tick_ns = NSEC_PER_SEC // dev.machine.sysctl.hz
    while any(queue.qdisc_sleeping.running or queue.qdisc_sleeping.scheduled for queue in dev.tx_queues):
        await schedule_hrtimeout(tick_ns)
    for queue in dev.tx_queues:
        queue.qdisc_sleeping.reset()
