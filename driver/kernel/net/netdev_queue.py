"""A device's transmit queue: stopping and waking it, byte queue limits (include/linux/netdevice.h, net/core/dev.c)."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from driver.kernel.cpu import this_cpu
from driver.kernel.lib.dynamic_queue_limits import Dql
from driver.kernel.softirq import Vector, raise_softirq_irqoff
from driver.kernel.timer import usleep_range

if TYPE_CHECKING:
    from driver.kernel.net.netdevice import NetDevice
    from driver.kernel.net.sch_generic import Qdisc


class QueueState(enum.IntFlag):
    """State bits (enum netdev_queue_state_t)."""

    DRV_XOFF = 1 << 0  #: the driver has no room
    STACK_XOFF = 1 << 1  #: byte queue limits: enough is under way
    FROZEN = 1 << 2  #: the watchdog has the driver reset it


# The state is a plain int, as that of a NAPI instance.
DRV_XOFF = int(QueueState.DRV_XOFF)
STACK_XOFF = int(QueueState.STACK_XOFF)
FROZEN = int(QueueState.FROZEN)
ANY_XOFF = DRV_XOFF | STACK_XOFF


class NetdevQueue:
    """A transmit queue (struct netdev_queue).

    Attributes:
        qdisc: where packets wait for it.
        qdisc_sleeping: the qdisc that it has when the interface is up.
        state: bits of QueueState.
        trans_start: when the driver last took a packet, in jiffies.
        trans_timeout: how often the watchdog bit.
        dql: byte queue limits, of drivers that report to them.
    """

    __slots__ = ("dev", "dql", "index", "qdisc", "qdisc_sleeping", "state", "trans_start", "trans_timeout")

    qdisc: Qdisc
    qdisc_sleeping: Qdisc

    def __init__(self, dev: NetDevice, index: int) -> None:
        self.dev = dev
        self.index = index
        self.state = 0
        self.trans_start = self.trans_timeout = 0
        self.dql = Dql(hold_time=dev.machine.sysctl.hz)


def netdev_get_tx_queue(dev: NetDevice, index: int) -> NetdevQueue:
    """The transmit queue of this number."""
    return dev.tx_queues[index]


def netif_xmit_stopped(queue: NetdevQueue) -> bool:
    """Whether driver or byte queue limits stopped it."""
    return queue.state & ANY_XOFF != 0


def netif_xmit_frozen_or_stopped(queue: NetdevQueue) -> bool:
    """Whether the driver must not be given a packet."""
    return queue.state != 0


def netif_tx_queue_stopped(queue: NetdevQueue) -> bool:
    """Whether the driver stopped it."""
    return queue.state & DRV_XOFF != 0


def netif_tx_start_queue(queue: NetdevQueue) -> None:
    """Allow transmission; what waits in the qdisc is not woken."""
    if queue.dev.machine.rules is not None:
        queue.dev.machine.rules.lifetime.queue_started(queue.dev)
    queue.state &= ~DRV_XOFF


def netif_tx_stop_queue(queue: NetdevQueue) -> None:
    """The driver has no room for more."""
    if queue.dev.machine.rules is not None:
        queue.dev.machine.rules.transmit.stopped(queue)
    queue.state |= DRV_XOFF


def netif_tx_wake_queue(queue: NetdevQueue) -> None:
    """Allow transmission, and have NET_TX run the qdisc if the queue was stopped."""
    if queue.dev.machine.rules is not None:
        queue.dev.machine.rules.lifetime.queue_started(queue.dev)
    if queue.state & DRV_XOFF:
        queue.state &= ~DRV_XOFF
        __netif_schedule(queue.qdisc)


def netif_start_queue(dev: NetDevice) -> None:
    """netif_tx_start_queue of the first queue."""
    netif_tx_start_queue(dev.tx_queues[0])


def netif_stop_queue(dev: NetDevice) -> None:
    """netif_tx_stop_queue of the first queue."""
    netif_tx_stop_queue(dev.tx_queues[0])


def netif_wake_queue(dev: NetDevice) -> None:
    """netif_tx_wake_queue of the first queue."""
    netif_tx_wake_queue(dev.tx_queues[0])


def netif_queue_stopped(dev: NetDevice) -> bool:
    """netif_tx_queue_stopped of the first queue."""
    return netif_tx_queue_stopped(dev.tx_queues[0])


def netif_tx_start_all_queues(dev: NetDevice) -> None:
    """netif_tx_start_queue of every queue."""
    for queue in dev.tx_queues:
        netif_tx_start_queue(queue)


def netif_tx_wake_all_queues(dev: NetDevice) -> None:
    """netif_tx_wake_queue of every queue."""
    for queue in dev.tx_queues:
        netif_tx_wake_queue(queue)


async def netif_tx_disable(dev: NetDevice) -> None:
    """Stop all queues, and return when no CPU is in ndo_start_xmit; Linux spins on the transmit lock. Sleeps."""
    for queue in dev.tx_queues:
        netif_tx_stop_queue(queue)
    while any(queue.qdisc_sleeping.running for queue in dev.tx_queues):
        await usleep_range(1, 1)


def __netif_schedule(qdisc: Qdisc) -> None:
    """Have NET_TX run a qdisc on this CPU, unless it is going to already."""
    if qdisc.scheduled:
        return
    qdisc.scheduled = True
    this_cpu().softnet.output_queue.append(qdisc)
    raise_softirq_irqoff(Vector.NET_TX)


def netif_schedule_queue(queue: NetdevQueue) -> None:
    """Have NET_TX run the queue's qdisc, unless the queue is stopped."""
    if not netif_xmit_stopped(queue):
        __netif_schedule(queue.qdisc)


def netdev_xmit_more() -> bool:
    """In ndo_start_xmit: another packet follows at once, and the doorbell can wait for it."""
    return this_cpu().softnet.xmit_more


# --- byte queue limits ------------------------------------------------------------------------------------------------


def netdev_tx_sent_queue(queue: NetdevQueue, nbytes: int) -> None:
    """The driver put so many bytes on its ring; the queue stops if that is more than the limit."""
    queue.dql.queued(nbytes)
    if queue.dql.avail < 0:
        queue.state |= STACK_XOFF


def netdev_tx_completed_queue(queue: NetdevQueue, _packets: int, nbytes: int) -> None:
    """The driver reclaimed so many bytes; once for all packets of one reclaim."""
    if queue.dev.machine.rules is not None:
        nbytes = queue.dev.machine.rules.transmit.completed(queue, nbytes)
    if not nbytes:
        return
    queue.dql.completed(nbytes, queue.dev.machine.jiffies)
    if queue.dql.avail >= 0 and queue.state & STACK_XOFF:
        queue.state &= ~STACK_XOFF
        netif_schedule_queue(queue)


def netdev_tx_reset_queue(queue: NetdevQueue) -> None:
    """The driver emptied its ring."""
    queue.state &= ~STACK_XOFF
    queue.dql.reset(queue.dev.machine.jiffies)


def netdev_sent_queue(dev: NetDevice, nbytes: int) -> None:
    """netdev_tx_sent_queue of the first queue."""
    netdev_tx_sent_queue(dev.tx_queues[0], nbytes)


def netdev_completed_queue(dev: NetDevice, packets: int, nbytes: int) -> None:
    """netdev_tx_completed_queue of the first queue."""
    netdev_tx_completed_queue(dev.tx_queues[0], packets, nbytes)


def netdev_reset_queue(dev: NetDevice) -> None:
    """netdev_tx_reset_queue of the first queue."""
    netdev_tx_reset_queue(dev.tx_queues[0])
