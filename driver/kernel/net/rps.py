"""Receive packet steering: packets go to the backlog of a CPU chosen by their flow (net/core/dev.c, Linux 6.19).

A CPU that filled another one's empty backlog calls it by an interrupt when its own net_rx_action ends, or before it
works on its own backlog. The flow limit keeps one flow from filling a backlog.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from driver.kernel.cpu import this_cpu
from driver.kernel.net.flow_dissector import skb_get_hash
from driver.kernel.net.napi import __napi_schedule
from driver.kernel.net.rfs import RpsDevFlow, get_rfs_flow
from driver.kernel.sched import check_cpu_mask
from driver.kernel.smp import CallSingleData, smp_call_function_single_async
from driver.kernel.softirq import Vector, raise_softirq_irqoff

if TYPE_CHECKING:
    from driver.kernel.machine import Machine
    from driver.kernel.net.dev import SoftnetData
    from driver.kernel.net.netdev_rx_queue import NetdevRxQueue
    from driver.kernel.net.netdevice import NetDevice
    from driver.kernel.net.skbuff import SkBuff

#: Packets over which the flow limit looks back; a flow may have half of them.
FLOW_LIMIT_HISTORY = 128

_GOLDEN_RATIO_32 = 0x61C88647  # include/linux/hash.h


class SdFlowLimit:
    """What one CPU's flow limit remembers (struct sd_flow_limit).

    Attributes:
        count: packets that it dropped (flow_limit_count of softnet_stat).
        history: buckets of the last packets.
        buckets: packets of the history by flow.
    """

    def __init__(self, table_len: int) -> None:
        self.count = 0
        self.history = [0] * FLOW_LIMIT_HISTORY
        self.buckets = [0] * table_len
        self._shift = 32 - (table_len.bit_length() - 1)
        self._head = 0

    def exceeded(self, flow_hash: int) -> bool:
        """Note a packet of a flow; whether that flow has more than its half of the last ones."""
        new = (flow_hash * _GOLDEN_RATIO_32 & 0xFFFFFFFF) >> self._shift
        old = self.history[self._head]
        self.history[self._head] = new
        self._head = (self._head + 1) % FLOW_LIMIT_HISTORY
        if self.buckets[old]:
            self.buckets[old] -= 1
        self.buckets[new] += 1
        if self.buckets[new] > FLOW_LIMIT_HISTORY // 2:
            self.count += 1
            return True
        return False


def skb_flow_limit(skb: SkBuff, qlen: int, max_backlog: int) -> bool:
    """Whether to drop a packet for a backlog of this length because its flow has too much of it."""
    if qlen < max_backlog // 2:
        return False
    flow_limit = this_cpu().softnet.flow_limit
    return flow_limit is not None and flow_limit.exceeded(skb_get_hash(skb))


def set_flow_limit_cpus(machine: Machine, mask: int) -> None:
    """Turn the flow limit on for the CPUs of a bit mask, off for the others (net.core.flow_limit_cpu_bitmap)."""
    if mask:
        check_cpu_mask(machine, mask)
    for cpu in machine.cpus:
        if not mask >> cpu.id & 1:
            cpu.softnet.flow_limit = None
        elif cpu.softnet.flow_limit is None:
            cpu.softnet.flow_limit = SdFlowLimit(machine.sysctl.flow_limit_table_len)


def netdev_rx_queue_set_rps_mask(machine: Machine, queue: NetdevRxQueue, mask: int) -> None:
    """Spread a queue's packets over the CPUs of a bit mask; 0 for no spreading (rps_cpus in sysfs).

    Raises:
        ValueError: the mask names a CPU that is not there.
    """
    if mask:
        check_cpu_mask(machine, mask)
    machine.rps_needed += bool(mask) - bool(queue.rps_cpus)
    queue.rps_cpus = mask
    queue.rps_map = tuple(cpu.id for cpu in machine.cpus if mask >> cpu.id & 1)


def get_rps_cpu(dev: NetDevice, skb: SkBuff) -> tuple[int, RpsDevFlow | None]:
    """The CPU for a packet, -1 for the one that has it; and the entry that RFS has for its flow."""
    queue = dev.rx_queues[skb.queue_mapping]
    if queue.rps_flow_table is None and not queue.rps_map:
        return -1, None
    flow_hash = skb_get_hash(skb)
    flow = get_rfs_flow(dev.machine, queue, flow_hash)
    if flow is not None:
        return flow.cpu, flow
    rps_map = queue.rps_map
    return (rps_map[flow_hash * len(rps_map) >> 32] if rps_map else -1), None


def napi_schedule_rps(softnet: SoftnetData) -> None:
    """A CPU's backlog got its first packet: schedule it here, or let this CPU's net_rx_action call that one."""
    mine = this_cpu().softnet
    if softnet is mine:
        __napi_schedule(softnet.backlog)
        return
    mine.rps_ipi_list.insert(0, softnet)
    if not mine.in_net_rx_action and not mine.in_napi_threaded_poll:
        raise_softirq_irqoff(Vector.NET_RX)


async def net_rps_action_and_irq_enable(softnet: SoftnetData) -> None:
    """Call the CPUs whose backlogs this one has filled."""
    remotes, softnet.rps_ipi_list = softnet.rps_ipi_list, []
    for remote in remotes:
        await smp_call_function_single_async(remote.cpu, remote.csd)


def rps_trigger_softirq(softnet: SoftnetData) -> None:
    """The call: schedule this CPU's backlog."""
    __napi_schedule(softnet.backlog)
    softnet.received_rps += 1


def rps_csd(softnet: SoftnetData) -> CallSingleData:
    """The call that others make to a CPU about its backlog."""
    return CallSingleData(partial(rps_trigger_softirq, softnet))
