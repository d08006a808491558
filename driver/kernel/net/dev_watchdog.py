"""The transmit watchdog: a queue that stays stopped means a device that hangs (net/sched/sch_generic.c)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from driver.kernel.cpu import this_cpu
from driver.kernel.net.netdev_queue import FROZEN, netif_schedule_queue, netif_xmit_stopped
from driver.kernel.timer import TimerList
from driver.kernel.trace import trace_net_dev_xmit_timeout

if TYPE_CHECKING:
    from driver.kernel.net.netdevice import NetDevice

log = logging.getLogger(__name__)

#: How long a queue may be stopped unless the driver says otherwise.
WATCHDOG_TIMEO_SECONDS = 5


def netdev_watchdog_up(dev: NetDevice) -> None:
    """Watch the interface's queues from now on."""
    if not dev.watchdog_timeo:
        dev.watchdog_timeo = WATCHDOG_TIMEO_SECONDS * dev.machine.sysctl.hz
    if dev.watchdog_timer is None:
        dev.watchdog_timer = TimerList(lambda _timer: dev_watchdog(dev))
    dev.watchdog_timer.mod(_round_jiffies(dev, dev.machine.jiffies + dev.watchdog_timeo))


def netdev_watchdog_down(dev: NetDevice) -> None:
    """Watch no longer."""
    if dev.watchdog_timer is not None:
        dev.watchdog_timer.delete()


async def dev_watchdog(dev: NetDevice) -> None:
    """Look for a queue that is stopped and was not given a packet for watchdog_timeo; look again when one could be."""
    if not dev.running or not dev.carrier:
        return
    machine = dev.machine
    oldest_start = machine.jiffies
    for queue in dev.tx_queues:
        if not netif_xmit_stopped(queue):
            continue
        if machine.jiffies > queue.trans_start + dev.watchdog_timeo:
            queue.trans_timeout += 1
            await _timed_out(dev, queue.index, machine.jiffies - queue.trans_start)
            break
        oldest_start = min(oldest_start, queue.trans_start)
    assert dev.watchdog_timer is not None
    dev.watchdog_timer.mod(_round_jiffies(dev, oldest_start + dev.watchdog_timeo))


async def _timed_out(dev: NetDevice, index: int, jiffies: int) -> None:
    """Say so, and have the driver reset the device; no queue may be given packets meanwhile."""
    trace_net_dev_xmit_timeout(dev, index)
    if dev.machine.rules is not None:
        dev.machine.rules.transmit.check_queues(dev)
    ms = jiffies * 1000 // dev.machine.sysctl.hz
    log.critical("%s: NETDEV WATCHDOG: CPU: %d: transmit queue %d timed out %d ms", dev.name, this_cpu().id, index, ms)
    for queue in dev.tx_queues:
        queue.state |= FROZEN
    await dev.ops.ndo_tx_timeout(dev, index)
    for queue in dev.tx_queues:
        queue.state &= ~FROZEN
        netif_schedule_queue(queue)


def _round_jiffies(dev: NetDevice, jiffies: int) -> int:
    """A whole second, down if that is less than a quarter of a second earlier, else up; never now or before."""
    hz = dev.machine.sysctl.hz
    rest = jiffies % hz
    rounded = jiffies - rest if rest < hz // 4 else jiffies - rest + hz
    return rounded if rounded > dev.machine.jiffies else jiffies
