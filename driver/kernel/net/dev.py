"""The receive core: softnet_data, net_rx_action, the backlog of netif_rx, netif_receive_skb (net/core/dev.c)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from driver.kernel.cpu import spend, this_cpu
from driver.kernel.net.napi import SCHED, Napi, __napi_schedule, napi_poll
from driver.kernel.net.netdevice import netif_running
from driver.kernel.net.skbuff import SkBuff, consume_skb, kfree_skb_reason
from driver.kernel.softirq import Vector, raise_softirq_irqoff
from driver.kernel.trace import trace_netif_receive_skb, trace_netif_rx

if TYPE_CHECKING:
    from driver.kernel.cpu import Cpu
    from driver.kernel.net.sch_generic import Qdisc

NET_RX_SUCCESS = 0
NET_RX_DROP = 1


class SoftnetData:
    """What the network core keeps for each CPU (struct softnet_data).

    Attributes:
        poll_list: scheduled instances.
        polling, repoll: net_rx_action's own lists while it runs: not polled yet, and to be polled again.
        processed, dropped, time_squeeze: columns 1 to 3 of /proc/net/softnet_stat.
        input_pkt_queue, process_queue: the backlog: as it fills, and as it is drained.
        output_queue: qdiscs that NET_TX is to run.
        completion_queue: packets that NET_TX is to free.
        xmit_more: what netdev_xmit_more says.
    """

    def __init__(self, cpu: Cpu) -> None:
        self.poll_list: list[Napi] = []
        self.polling: list[Napi] = []
        self.repoll: list[Napi] = []
        self.in_net_rx_action = False
        self.processed = self.dropped = self.time_squeeze = 0
        self.input_pkt_queue: deque[SkBuff] = deque()
        self.process_queue: deque[SkBuff] = deque()
        self.output_queue: list[Qdisc] = []
        self.completion_queue: list[SkBuff] = []
        self.xmit_more = False
        self.backlog = Napi(None, process_backlog, cpu.machine.sysctl.dev_weight, 0)

    @property
    def backlog_length(self) -> int:
        """Packets in the backlog (softnet_stat column 12)."""
        return len(self.input_pkt_queue) + len(self.process_queue)


async def net_rx_action() -> None:
    """NET_RX_SOFTIRQ: poll the scheduled instances of this CPU, each once, within a budget and a time limit.

    An instance that used up its weight goes to the tail, behind those that were scheduled meanwhile.
    """
    cpu = this_cpu()
    machine, softnet = cpu.machine, cpu.softnet
    time_limit = machine.jiffies + machine.sysctl.netdev_budget_jiffies
    budget = machine.sysctl.netdev_budget
    polling, repoll = softnet.polling, softnet.repoll
    softnet.in_net_rx_action = True
    polling.extend(softnet.poll_list)
    softnet.poll_list.clear()
    await spend(machine.costs.net_rx_action)
    while True:
        if not polling:
            if repoll:
                break
            softnet.in_net_rx_action = False
            if not softnet.poll_list:
                return
            softnet.in_net_rx_action = True
            polling.extend(softnet.poll_list)
            softnet.poll_list.clear()
        budget -= await napi_poll(polling.pop(0), repoll)
        if budget <= 0 or machine.jiffies >= time_limit:
            softnet.time_squeeze += 1
            break
    softnet.poll_list[:] = [*polling, *softnet.poll_list, *repoll]
    polling.clear()
    repoll.clear()
    if softnet.poll_list:
        raise_softirq_irqoff(Vector.NET_RX)  # in_net_rx_action stays set: whoever schedules need not raise again
    else:
        softnet.in_net_rx_action = False


# --- before NAPI: the backlog -----------------------------------------------------------------------------------------


async def netif_rx(skb: SkBuff) -> int:
    """Queue a packet for the stack, from any context. NET_RX_SUCCESS, or NET_RX_DROP with the packet gone."""
    trace_netif_rx(skb)
    cpu = this_cpu()
    await spend(cpu.machine.costs.netif_rx)
    return _enqueue_to_backlog(skb, cpu.softnet)


def _enqueue_to_backlog(skb: SkBuff, softnet: SoftnetData) -> int:
    """Accept up to netdev_max_backlog + 1 packets: the length is tested before the packet is added."""
    queue = softnet.input_pkt_queue
    if not netif_running(skb.dev):
        skb.dev.core_rx_dropped += 1
        kfree_skb_reason(skb, "DEV_READY")
        return NET_RX_DROP
    if len(queue) > this_cpu().machine.sysctl.netdev_max_backlog:
        softnet.dropped += 1
        skb.dev.core_rx_dropped += 1
        kfree_skb_reason(skb, "CPU_BACKLOG")
        return NET_RX_DROP
    if not queue and not softnet.backlog.state & SCHED:
        softnet.backlog.state |= SCHED
        __napi_schedule(softnet.backlog)
    queue.append(skb)
    return NET_RX_SUCCESS


async def process_backlog(napi: Napi, quota: int) -> int:
    """poll() of the backlog: drain process_queue, then take over what came in meanwhile."""
    cpu = this_cpu()
    softnet = cpu.softnet
    work = 0
    while True:
        while softnet.process_queue:
            skb = softnet.process_queue.popleft()
            await spend(cpu.machine.costs.process_backlog)
            await netif_receive_skb(skb)
            work += 1
            if work >= quota:
                return work
        if not softnet.input_pkt_queue:
            napi.state = 0  # no complete(): the backlog has no interrupt to unmask
            return work
        softnet.process_queue.extend(softnet.input_pkt_queue)
        softnet.input_pkt_queue.clear()


# --- into the stack ---------------------------------------------------------------------------------------------------


async def netif_receive_skb(skb: SkBuff) -> None:
    """Hand a packet to the stack. It ends there, its work a cost; unless the interface has an IPv4 address."""
    cpu = this_cpu()
    trace_netif_receive_skb(skb)
    cpu.softnet.processed += 1
    await spend(cpu.machine.costs.netif_receive_skb)
    if skb.dev.ip_ptr is None:
        consume_skb(skb)
    else:
        await skb.dev.ip_ptr.receive(skb)
