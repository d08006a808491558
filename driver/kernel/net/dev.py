"""The receive core: softnet_data, net_rx_action, the backlog of netif_rx, netif_receive_skb (net/core/dev.c)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from driver.kernel.cpu import spend, this_cpu
from driver.kernel.net.napi import SCHED, THREADED, Napi, napi_poll
from driver.kernel.net.netdevice import netif_running
from driver.kernel.net.rps import (
    SdFlowLimit,
    get_rps_cpu,
    napi_schedule_rps,
    net_rps_action_and_irq_enable,
    rps_csd,
    skb_flow_limit,
)
from driver.kernel.net.skbuff import SkBuff, consume_skb, kfree_skb_reason
from driver.kernel.softirq import Vector, local_bh_disable, local_bh_enable, raise_softirq_irqoff
from driver.kernel.trace import trace_netif_receive_skb, trace_netif_receive_skb_entry, trace_netif_rx

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from driver.kernel.cpu import Cpu
    from driver.kernel.net.rfs import RpsDevFlow
    from driver.kernel.net.sch_generic import Qdisc

NET_RX_SUCCESS = 0
NET_RX_DROP = 1


class SoftnetData:
    """What the network core keeps for each CPU (struct softnet_data).

    Attributes:
        cpu: whose it is.
        poll_list: scheduled instances.
        polling, repoll: net_rx_action's own lists while it runs: not polled yet, and to be polled again.
        in_net_rx_action, in_napi_threaded_poll: what is scheduled meanwhile is seen without raising a softirq.
        processed, dropped, time_squeeze: columns 1 to 3 of /proc/net/softnet_stat.
        received_rps: calls from other CPUs about the backlog.
        input_pkt_queue, process_queue: the backlog: as it fills, and as it is drained.
        input_queue_tail, input_queue_head: packets that have come into it, and that the stack has had from it.
        rps_ipi_list: CPUs to call because their backlogs were filled here.
        csd: the call that others make.
        flow_limit: of the packets that this CPU gives to backlogs; None if it is off.
        output_queue: qdiscs that NET_TX is to run.
        completion_queue: packets that NET_TX is to free.
        xmit_more: what netdev_xmit_more says.
    """

    def __init__(self, cpu: Cpu) -> None:
        self.cpu = cpu
        self.poll_list: list[Napi] = []
        self.polling: list[Napi] = []
        self.repoll: list[Napi] = []
        self.in_net_rx_action = self.in_napi_threaded_poll = False
        self.processed = self.dropped = self.time_squeeze = self.received_rps = 0
        self.input_pkt_queue: deque[SkBuff] = deque()
        self.process_queue: deque[SkBuff] = deque()
        self.input_queue_tail = self.input_queue_head = 0
        self.rps_ipi_list: list[SoftnetData] = []
        self.csd = rps_csd(self)
        self.flow_limit: SdFlowLimit | None = None
        self.output_queue: list[Qdisc] = []
        self.completion_queue: list[SkBuff] = []
        self.xmit_more = False
        self.backlog = Napi(None, process_backlog, cpu.machine.sysctl.dev_rx_weight, 0)

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
                if softnet.rps_ipi_list:
                    break
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
    if softnet.rps_ipi_list:
        await net_rps_action_and_irq_enable(softnet)


# --- before NAPI: the backlog -----------------------------------------------------------------------------------------


async def netif_rx(skb: SkBuff) -> int:
    """Queue a packet for the stack, from any context. NET_RX_SUCCESS, or NET_RX_DROP with the packet gone."""
    cpu = this_cpu()
    if cpu.machine.rules is not None and cpu.machine.rules.rings.fragments:
        cpu.machine.rules.rings.delivered(skb)
    need_bh_off = not cpu.in_interrupt
    if need_bh_off:
        local_bh_disable()
    trace_netif_rx(skb)
    machine, to, flow = cpu.machine, -1, None
    if machine.rps_needed:
        await spend(machine.costs.get_rps_cpu)
        to, flow = get_rps_cpu(skb.dev, skb)
    await spend(machine.costs.netif_rx)
    result = _enqueue_to_backlog(skb, cpu.softnet if to < 0 else machine.cpus[to].softnet, flow)
    if need_bh_off:
        await local_bh_enable()
    return result


def _enqueue_to_backlog(skb: SkBuff, softnet: SoftnetData, flow: RpsDevFlow | None) -> int:
    """Accept up to netdev_max_backlog + 1 packets: the length is tested before the packet is added.

    RFS must know how far the backlog has to get before the flow may move.
    """
    queue = softnet.input_pkt_queue
    max_backlog = this_cpu().machine.sysctl.netdev_max_backlog
    if not netif_running(skb.dev):
        skb.dev.core_rx_dropped += 1
        kfree_skb_reason(skb, "DEV_READY")
        return NET_RX_DROP
    if len(queue) > max_backlog or skb_flow_limit(skb, len(queue), max_backlog):
        softnet.dropped += 1
        skb.dev.core_rx_dropped += 1
        kfree_skb_reason(skb, "CPU_BACKLOG")
        return NET_RX_DROP
    if not queue and not softnet.backlog.state & SCHED:
        softnet.backlog.state |= SCHED
        napi_schedule_rps(softnet)
    queue.append(skb)
    softnet.input_queue_tail += 1
    if flow is not None:
        flow.last_qtail = softnet.input_queue_tail
    return NET_RX_SUCCESS


async def process_backlog(napi: Napi, quota: int) -> int:
    """poll() of the backlog: drain process_queue, then take over what came in meanwhile."""
    cpu = this_cpu()
    softnet = cpu.softnet
    if softnet.rps_ipi_list:
        await net_rps_action_and_irq_enable(softnet)
    napi.weight = cpu.machine.sysctl.dev_rx_weight
    work = 0
    while True:
        while softnet.process_queue:
            skb = softnet.process_queue.popleft()
            await spend(cpu.machine.costs.process_backlog)
            await __netif_receive_skb(skb)
            work += 1
            if work >= quota:
                softnet.input_queue_head += work
                return work
        if not softnet.input_pkt_queue:
            napi.state &= THREADED  # no complete(): the backlog has no interrupt to unmask
            softnet.input_queue_head += work
            return work
        softnet.process_queue.extend(softnet.input_pkt_queue)
        softnet.input_pkt_queue.clear()


# --- into the stack ---------------------------------------------------------------------------------------------------


def netif_receive_skb(skb: SkBuff) -> Coroutine[Any, Any, None]:
    """Hand a packet to the stack, here or on the CPU that RPS chooses. Only with softirqs disabled."""
    machine = skb.dev.machine
    if machine.rules is not None and machine.rules.rings.fragments:
        machine.rules.rings.delivered(skb)
    if machine.rps_needed:
        return _netif_receive_skb_rps(skb)
    return __netif_receive_skb(skb)


async def _netif_receive_skb_rps(skb: SkBuff) -> None:
    trace_netif_receive_skb_entry(skb)
    machine = this_cpu().machine
    await spend(machine.costs.get_rps_cpu)
    to, flow = get_rps_cpu(skb.dev, skb)
    if to < 0:
        await __netif_receive_skb(skb)
        return
    await spend(machine.costs.netif_rx)
    _enqueue_to_backlog(skb, machine.cpus[to].softnet, flow)


async def __netif_receive_skb(skb: SkBuff) -> None:
    """The stack's work on a packet. It is a cost, and the packet ends there, unless the interface has an address."""
    cpu = this_cpu()
    if cpu.machine.rules is not None:
        cpu.machine.rules.transmit.received("netif_receive_skb")
    trace_netif_receive_skb(skb)
    cpu.softnet.processed += 1
    await spend(cpu.machine.costs.netif_receive_skb)
    if skb.dev.ip_ptr is None:
        consume_skb(skb)
    else:
        await skb.dev.ip_ptr.receive(skb)
