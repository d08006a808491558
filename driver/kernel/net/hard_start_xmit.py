"""The last step to the driver: ndo_start_xmit and what it may return (dev_hard_start_xmit in net/core/dev.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from driver.kernel.cpu import this_cpu
from driver.kernel.net.netdev_queue import NetdevQueue, netif_tx_queue_stopped
from driver.kernel.trace import trace_net_dev_start_xmit, trace_net_dev_xmit

if TYPE_CHECKING:
    from driver.kernel.net.netdevice import NetDevice
    from driver.kernel.net.skbuff import SkBuff

NETDEV_TX_OK = 0  #: the packet is the driver's
NETDEV_TX_BUSY = 0x10  #: it is not, and comes back later

NET_XMIT_SUCCESS = 0
NET_XMIT_DROP = 1  #: dropped
NET_XMIT_CN = 2  #: dropped, the sender should slow down
NET_XMIT_MASK = 0x0F


def dev_xmit_complete(result: int) -> bool:
    """Whether the driver has taken the packet, sent it or not."""
    return result < NET_XMIT_MASK


async def dev_hard_start_xmit(
    skbs: Sequence[SkBuff], dev: NetDevice, queue: NetdevQueue
) -> tuple[Sequence[SkBuff], int]:
    """Give the driver packets, one by one, until it does not take one or stops the queue.

    Returns:
        The packets that it did not take, and its last answer.
    """
    result = NETDEV_TX_OK
    for index, skb in enumerate(skbs):
        more = index + 1 < len(skbs)
        result = await _xmit_one(skb, dev, queue, more=more)
        if not dev_xmit_complete(result):
            return skbs[index:], result
        if more and netif_tx_queue_stopped(queue):
            return skbs[index + 1 :], NETDEV_TX_BUSY
    return (), result


async def _xmit_one(skb: SkBuff, dev: NetDevice, queue: NetdevQueue, *, more: bool) -> int:
    length = skb.len  # the driver may free it
    trace_net_dev_start_xmit(skb, dev)
    this_cpu().softnet.xmit_more = more
    rules = dev.machine.rules
    before = rules.transmit.xmit_begins(skb, dev) if rules is not None else None
    result = await dev.ops.ndo_start_xmit(skb, dev)
    if rules is not None:
        rules.transmit.xmit_returned(skb, queue, result, before)
    if result == NETDEV_TX_OK:
        queue.trans_start = dev.machine.jiffies
    trace_net_dev_xmit(skb, result, dev, length)
    return result
