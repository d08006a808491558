"""The transmit ring: its memory, putting packets on it, and reclaiming them when the device has sent them.

The device owns the descriptors from head to tail; ``next_to_use`` is the tail, ``next_to_clean`` the next one that it
will have written back. The queue is stopped early, while there is still room for the largest packet, so that
e1000_xmit_frame never has to say NETDEV_TX_BUSY (Documentation/networking/driver.rst).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from driver.e1000.hw import ew32
from driver.kernel.cpu import spend, this_cpu
from driver.kernel.dma import (
    CoherentMemory,
    DmaDirection,
    dma_alloc_coherent,
    dma_free_coherent,
    dma_map_single,
    dma_mapping_error,
    dma_rmb,
    dma_unmap_single,
    dma_wmb,
    smp_mb,
)
from driver.kernel.net.hard_start_xmit import NETDEV_TX_BUSY, NETDEV_TX_OK
from driver.kernel.net.netdev_queue import (
    netdev_completed_queue,
    netdev_reset_queue,
    netdev_sent_queue,
    netdev_xmit_more,
    netif_queue_stopped,
    netif_start_queue,
    netif_stop_queue,
    netif_wake_queue,
    netif_xmit_stopped,
)
from driver.kernel.net.skbuff import MAX_SKB_FRAGS, SkBuff, kfree_skb_reason
from driver.kernel.net.xmit import napi_consume_skb
from hdl.nic.layouts import TxCommand, TxDescriptor, TxStatus
from hdl.nic.regmap import TDT

if TYPE_CHECKING:
    from driver.e1000.adapter import Adapter
    from driver.kernel.net.netdevice import NetDevice

#: Descriptors that must be free after a packet for the queue to go on: those of the largest packet, and some.
DESC_NEEDED = MAX_SKB_FRAGS + 7

#: Descriptors that must be free for a stopped queue to be woken; more than that, so that it does not flutter.
TX_WAKE_THRESHOLD = 32

# The layout's views are for RTL and slow in Python.
_LAYOUT = TxDescriptor.as_shape()
DESCRIPTOR_BYTES = _LAYOUT.size // 8
_DESCRIPTOR = struct.Struct("<QHBBBBH")  #: address, length, CSO, command, status, CSS, special
_STATUS_AT = _LAYOUT["status"].offset // 8
_DD = 1 << TxStatus.as_shape()["DD"].offset
assert [field.width for _, field in _LAYOUT] == [64, 16, 8, 8, 4, 4, 8, 16]

_COMMAND = TxCommand.as_shape()
_EOP_IFCS_RS = sum(1 << _COMMAND[name].offset for name in ("EOP", "IFCS", "RS"))
_IDE = 1 << _COMMAND["IDE"].offset

_TO_DEVICE = DmaDirection.TO_DEVICE


class TxRing:
    """A ring of transmit descriptors and the packets on it; each packet takes one.

    Attributes:
        count: descriptors.
        skbs: the packet in each slot.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.next_to_use = 0
        self.next_to_clean = 0
        self.skbs: list[SkBuff | None] = [None] * count
        self.memory: CoherentMemory | None = None

    @property
    def desc(self) -> CoherentMemory:
        """Memory of the descriptors; only while the interface is up."""
        assert self.memory is not None, "the ring is not set up"
        return self.memory

    @property
    def unused(self) -> int:
        """Slots that could be given to the device (E1000_DESC_UNUSED)."""
        return (self.next_to_clean - self.next_to_use - 1) % self.count

    def put(self, skb: SkBuff, dma: int, command: int) -> None:
        """Lay a packet out in the next slot; the device gets it with the next write of the tail."""
        slot = self.next_to_use
        self.skbs[slot] = skb
        descriptor = _DESCRIPTOR.pack(dma, skb.len, 0, command, 0, 0, 0)
        self.desc.write(slot * DESCRIPTOR_BYTES, descriptor)
        self.next_to_use = (slot + 1) % self.count

    def reclaim(self) -> SkBuff | None:
        """Take the next packet off the ring that the device has sent; None if there is none."""
        slot = self.next_to_clean
        if slot == self.next_to_use or not self.desc.read(slot * DESCRIPTOR_BYTES + _STATUS_AT, 1)[0] & _DD:
            return None
        dma_rmb()
        return self.take()

    def take(self) -> SkBuff:
        """Take the next packet off the ring, sent or not."""
        slot = self.next_to_clean
        skb, self.skbs[slot] = self.skbs[slot], None
        assert skb is not None
        self.next_to_clean = (slot + 1) % self.count
        return skb


def e1000_setup_tx_resources(adapter: Adapter) -> bool:
    """Get memory for the ring; false if there is none."""
    ring = adapter.tx_ring
    ring.memory = dma_alloc_coherent(adapter.pdev, ring.count * DESCRIPTOR_BYTES)
    ring.next_to_use = ring.next_to_clean = 0
    return ring.memory is not None


def e1000_clean_tx_ring(adapter: Adapter) -> None:
    """Free what is on the ring, sent or not; the device must not use it any more."""
    ring = adapter.tx_ring
    while ring.next_to_clean != ring.next_to_use:
        skb = ring.take()
        _unmap(adapter, skb)
        adapter.tx_dropped += 1
        kfree_skb_reason(skb, "NOT_SPECIFIED")
    ring.next_to_use = ring.next_to_clean = 0
    netdev_reset_queue(adapter.netdev)


def e1000_free_tx_resources(adapter: Adapter) -> None:
    """Give the ring and what is on it back."""
    ring = adapter.tx_ring
    e1000_clean_tx_ring(adapter)
    dma_free_coherent(adapter.pdev, ring.desc)
    ring.memory = None


async def e1000_xmit_frame(skb: SkBuff, dev: NetDevice) -> int:
    """ndo_start_xmit: put a packet on the ring, and tell the device unless more follow at once."""
    adapter: Adapter = dev.priv
    ring = adapter.tx_ring
    await spend(this_cpu().machine.costs.tx_packet)
    if not ring.unused:
        return NETDEV_TX_BUSY
    dma = dma_map_single(adapter.pdev, skb.head, skb.len, _TO_DEVICE)
    if dma_mapping_error(adapter.pdev, dma):
        adapter.tx_dropped += 1
        kfree_skb_reason(skb, "NOT_SPECIFIED")
    else:
        ring.put(skb, dma, _EOP_IFCS_RS | _IDE if adapter.tx_int_delay else _EOP_IFCS_RS)
        netdev_sent_queue(dev, skb.len)
        await e1000_maybe_stop_tx(adapter)
    if not netdev_xmit_more() or netif_xmit_stopped(dev.tx_queues[0]):
        dma_wmb()  # descriptors before the doorbell
        await ew32(adapter.hw, TDT, ring.next_to_use)
    return NETDEV_TX_OK


async def e1000_maybe_stop_tx(adapter: Adapter) -> None:
    """Stop the queue if another packet might not find room."""
    ring, dev = adapter.tx_ring, adapter.netdev
    if ring.unused >= DESC_NEEDED:
        return
    netif_stop_queue(dev)
    await smp_mb()  # whoever reclaims from now on sees that the queue is stopped, and wakes it
    if ring.unused >= DESC_NEEDED:  # somebody did before, and did not
        netif_start_queue(dev)
        adapter.restart_queue += 1


async def e1000_clean_tx_irq(adapter: Adapter, budget: int) -> None:
    """Reclaim all that the device has sent, report it to byte queue limits, and wake the queue if there is room again.

    Args:
        adapter: the device.
        budget: of the poll, or 0 in any other context; it does not limit the work (Documentation/networking/napi.rst).
    """
    ring, dev = adapter.tx_ring, adapter.netdev
    packets = nbytes = 0
    while (skb := ring.reclaim()) is not None:
        _unmap(adapter, skb)
        packets += 1
        nbytes += skb.len
        napi_consume_skb(skb, budget)
    if not packets:
        return
    await spend(packets * this_cpu().machine.costs.tx_clean)
    netdev_completed_queue(dev, packets, nbytes)
    if dev.carrier and ring.unused >= TX_WAKE_THRESHOLD and netif_queue_stopped(dev) and not adapter.down:
        netif_wake_queue(dev)
        adapter.restart_queue += 1


def _unmap(adapter: Adapter, skb: SkBuff) -> None:
    dma_unmap_single(adapter.pdev, skb.head, skb.len, _TO_DEVICE)
