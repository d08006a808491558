"""Which transmit queue a packet goes to (netdev_core_pick_tx and skb_tx_hash in net/core/dev.c).

Linux looks first at the queues that XPS gives the CPU, and at the receive queue of a packet that is forwarded; neither
is here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel.net.flow_dissector import skb_get_hash

if TYPE_CHECKING:
    from driver.kernel.net.netdev_queue import NetdevQueue
    from driver.kernel.net.netdevice import NetDevice
    from driver.kernel.net.skbuff import SkBuff


#: Spreads a hash over its upper bits, which choose: those of a CRC are alike for flows that differ in a few bits.
_MIX = 0x9E37_79B1


def queue_of_hash(flow: int, queues: int) -> int:
    """The queue of a flow's hash: the hash, scaled to the number of queues (reciprocal_scale)."""
    return (flow * _MIX & 0xFFFF_FFFF) * queues >> 32


def skb_tx_hash(dev: NetDevice, skb: SkBuff) -> int:
    """The queue of a packet's flow."""
    return queue_of_hash(skb_get_hash(skb), len(dev.tx_queues))


def netdev_core_pick_tx(dev: NetDevice, skb: SkBuff) -> NetdevQueue:
    """The queue that a packet goes to, as the driver says or by its flow; the packet keeps its number."""
    index = 0
    if len(dev.tx_queues) > 1:
        select_queue = getattr(dev.ops, "ndo_select_queue", None)
        index = skb_tx_hash(dev, skb) if select_queue is None else select_queue(dev, skb)
    skb.queue_mapping = index
    return dev.tx_queues[index]
