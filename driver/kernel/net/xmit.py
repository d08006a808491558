"""Sending: from the stack through the qdisc to the driver, and NET_TX (net/core/dev.c)."""

from __future__ import annotations

from driver.kernel.cpu import spend, this_cpu
from driver.kernel.net.hard_start_xmit import NET_XMIT_DROP, NET_XMIT_SUCCESS
from driver.kernel.net.pick_tx import netdev_core_pick_tx
from driver.kernel.net.sch_generic import (
    Qdisc,
    __qdisc_run,
    qdisc_run,
    qdisc_run_begin,
    qdisc_run_end,
    sch_direct_xmit,
)
from driver.kernel.net.skbuff import SkBuff, consume_skb, kfree_skb_reason
from driver.kernel.softirq import Vector, local_bh_disable, local_bh_enable, raise_softirq_irqoff
from driver.kernel.trace import trace_net_dev_queue


async def dev_queue_xmit(skb: SkBuff) -> int:
    """Send a packet by its interface, from a task or a softirq. The packet is gone, whatever is returned.

    Returns:
        NET_XMIT_SUCCESS, NET_XMIT_DROP or NET_XMIT_CN.
    """
    local_bh_disable()
    trace_net_dev_queue(skb)
    await spend(this_cpu().machine.costs.dev_queue_xmit)
    result = await _dev_xmit_skb(skb, netdev_core_pick_tx(skb.dev, skb).qdisc)
    await local_bh_enable()
    return result


async def _dev_xmit_skb(skb: SkBuff, qdisc: Qdisc) -> int:
    """Queue a packet and run the qdisc; or, if nothing is before it, give it to the driver at once."""
    if qdisc.can_bypass and qdisc_run_begin(qdisc):
        qdisc.bstats_update(skb)
        if await sch_direct_xmit((skb,), qdisc) and not qdisc.can_bypass:
            await __qdisc_run(qdisc)
        qdisc_run_end(qdisc)
        return NET_XMIT_SUCCESS
    result = NET_XMIT_DROP if qdisc.deactivated else qdisc.enqueue(skb)
    if result != NET_XMIT_SUCCESS:
        kfree_skb_reason(skb, "QDISC_DROP")
    await qdisc_run(qdisc)
    return result


async def net_tx_action() -> None:
    """NET_TX_SOFTIRQ: free packets, and run the qdiscs that are scheduled on this CPU."""
    softnet = this_cpu().softnet
    freed, softnet.completion_queue = softnet.completion_queue, []
    for skb in freed:
        consume_skb(skb)
    qdiscs, softnet.output_queue = softnet.output_queue, []
    for qdisc in qdiscs:
        qdisc.scheduled = False
        if not qdisc.deactivated:
            await qdisc_run(qdisc)


def dev_consume_skb_any(skb: SkBuff) -> None:
    """Free a packet that was sent, in any context: in a hardirq NET_TX does it."""
    cpu = this_cpu()
    if not cpu.in_hardirq:
        consume_skb(skb)
        return
    cpu.softnet.completion_queue.append(skb)
    raise_softirq_irqoff(Vector.NET_TX)


def napi_consume_skb(skb: SkBuff, budget: int) -> None:
    """Free a packet that was sent, in a poll; a budget of 0 says that it is netpoll's, whose context may be any."""
    if budget:
        if skb.dev.machine.rules is not None:
            skb.dev.machine.rules.transmit.napi_consume()
        consume_skb(skb)
    else:
        dev_consume_skb_any(skb)
