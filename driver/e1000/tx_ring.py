"""The transmit ring: its memory, putting packets on it, and reclaiming them when the device has sent them.

The device owns the descriptors from head to tail; ``next_to_use`` is the tail, ``next_to_clean`` the next one that it
will have written back. The queue is stopped early, while there is still room for the largest packet, so that
e1000_xmit_frame never has to say NETDEV_TX_BUSY (Documentation/networking/driver.rst).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from driver.e1000.tx_offload import TxFlags, e1000_tso, e1000_tx_csum
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
from driver.kernel.io import writel
from driver.kernel.net.hard_start_xmit import NETDEV_TX_BUSY, NETDEV_TX_OK
from driver.kernel.net.netdev_queue import (
    netdev_get_tx_queue,
    netdev_tx_completed_queue,
    netdev_tx_reset_queue,
    netdev_tx_sent_queue,
    netdev_xmit_more,
    netif_tx_queue_stopped,
    netif_tx_start_queue,
    netif_tx_stop_queue,
    netif_tx_wake_queue,
    netif_xmit_stopped,
)
from driver.kernel.net.skbuff import MAX_SKB_FRAGS, SkbFrag, SkBuff, kfree_skb_reason
from driver.kernel.net.xmit import napi_consume_skb
from hdl.nic.layouts import TX_DATA, TxCommand, TxDataCommand, TxDataDescriptor, TxDescriptor, TxPacketOptions, TxStatus
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
_DESCRIPTOR = struct.Struct("<QHBBBBH")  #: address, length, CSO or DTYP, command, status, CSS or POPTS, special
_STATUS_AT = _LAYOUT["status"].offset // 8
_DD = 1 << TxStatus.as_shape()["DD"].offset
assert [field.width for _, field in _LAYOUT] == [64, 16, 8, 8, 4, 4, 8, 16]

_COMMAND = TxCommand.as_shape()
_EOP, _IFCS, _RS, _DEXT, _VLE, _IDE = (
    1 << _COMMAND[name].offset for name in ("EOP", "IFCS", "RS", "DEXT", "VLE", "IDE")
)
_TSE = 1 << TxDataCommand.as_shape()["TSE"].offset
_IXSM, _TXSM = (1 << TxPacketOptions.as_shape()[name].offset for name in ("IXSM", "TXSM"))
_DATA = TX_DATA << TxDataDescriptor.as_shape()["dtyp"].offset % 8  #: DTYP in the byte below the command

_TO_DEVICE = DmaDirection.TO_DEVICE


@dataclass(slots=True)
class TxBuffer:
    """What belongs to a descriptor (struct e1000_tx_buffer).

    Attributes:
        skb: the packet, with its last descriptor.
        dma, length: what is mapped; a length of 0 for nothing.
        next_to_watch: of a packet's first descriptor, the last one.
    """

    skb: SkBuff | None = None
    dma: int = 0
    length: int = 0
    next_to_watch: int = 0


class TxRing:
    """A ring of transmit descriptors and the packets on it.

    Attributes:
        count: descriptors.
        queue: number of its transmit queue.
        tail_at: offset of its TDT.
        packets, bytes: that were reclaimed.
        buffers: what belongs to each of them.
    """

    def __init__(self, count: int, queue: int = 0, tail_at: int = TDT.offset) -> None:
        self.count = count
        self.queue = queue
        self.tail_at = tail_at
        self.packets = self.bytes = 0
        self.next_to_use = 0
        self.next_to_clean = 0
        self.buffers = [TxBuffer() for _ in range(count)]
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

    def put(self, descriptor: bytes) -> int:
        """Write the next descriptor; the device gets it with the next write of the tail. Returns its slot."""
        slot = self.next_to_use
        self.desc.write(slot * DESCRIPTOR_BYTES, descriptor)
        self.next_to_use = (slot + 1) % self.count
        return slot

    def sent(self) -> bool:
        """Whether the device has sent the next packet."""
        slot = self.next_to_clean
        if slot == self.next_to_use:
            return False
        last = self.buffers[slot].next_to_watch
        if not self.desc.read(last * DESCRIPTOR_BYTES + _STATUS_AT, 1)[0] & _DD:
            return False
        dma_rmb()
        return True


def e1000_setup_tx_resources(adapter: Adapter) -> bool:
    """Get memory for the rings; false if there is none."""
    for ring in adapter.tx_rings:
        ring.memory = dma_alloc_coherent(adapter.pdev, ring.count * DESCRIPTOR_BYTES)
        ring.next_to_use = ring.next_to_clean = 0
        if ring.memory is None:
            e1000_free_tx_resources(adapter)
            return False
    return True


def e1000_clean_tx_ring(adapter: Adapter, ring: TxRing) -> None:
    """Free what is on a ring, sent or not; the device must not use it any more."""
    while ring.next_to_clean != ring.next_to_use:
        skb = _take(adapter, ring)
        adapter.tx_dropped += 1
        kfree_skb_reason(skb, "NOT_SPECIFIED")
    ring.next_to_use = ring.next_to_clean = 0
    netdev_tx_reset_queue(netdev_get_tx_queue(adapter.netdev, ring.queue))


def e1000_free_tx_resources(adapter: Adapter) -> None:
    """Give the rings and what is on them back."""
    for ring in adapter.tx_rings:
        if ring.memory is not None:
            e1000_clean_tx_ring(adapter, ring)
            dma_free_coherent(adapter.pdev, ring.memory)
            ring.memory = None


async def e1000_xmit_frame(skb: SkBuff, dev: NetDevice) -> int:
    """ndo_start_xmit: put a packet on its queue's ring, and tell the device unless more follow at once."""
    adapter: Adapter = dev.priv
    ring = adapter.tx_rings[skb.queue_mapping]
    queue = netdev_get_tx_queue(dev, ring.queue)
    await spend(this_cpu().machine.costs.tx_packet)
    # A descriptor for each buffer and one for the context; and a gap, so that the tail never comes to the head.
    count = 1 if skb.shinfo is None else 2 + len(skb.shinfo.frags)
    if await e1000_maybe_stop_tx(adapter, ring, count + 2):
        return NETDEV_TX_BUSY
    first = ring.next_to_use
    flags = e1000_tso(ring, skb) or e1000_tx_csum(ring, skb)
    if e1000_tx_map(adapter, ring, skb, first, flags):
        netdev_tx_sent_queue(queue, skb.len)
        await e1000_maybe_stop_tx(adapter, ring, DESC_NEEDED)
    else:
        ring.next_to_use = first
        adapter.tx_dropped += 1
        kfree_skb_reason(skb, "NOT_SPECIFIED")
    if not netdev_xmit_more() or netif_xmit_stopped(queue):
        dma_wmb()  # descriptors before the doorbell
        await writel(ring.next_to_use, adapter.hw + ring.tail_at)
    return NETDEV_TX_OK


def e1000_tx_map(adapter: Adapter, ring: TxRing, skb: SkBuff, first: int, flags: TxFlags) -> bool:
    """Map a packet's buffers and put a descriptor for each on the ring; false if one could not be mapped.

    What follows the context, which has the slot ``first`` if there is one, is laid out as e1000_tx_queue does.
    """
    mapped: list[tuple[int, int]] = []
    for piece in (SkbFrag(skb.head, skb.data), *(skb.shinfo.frags if skb.shinfo is not None else ())):
        dma = dma_map_single(adapter.pdev, piece.address, len(piece.data), _TO_DEVICE)
        if dma_mapping_error(adapter.pdev, dma):
            for done, length in mapped:
                dma_unmap_single(adapter.pdev, done, length, _TO_DEVICE)
            return False
        mapped.append((dma, len(piece.data)))
    command, dtyp, popts = _IFCS, 0, 0
    if flags:
        command |= _DEXT | (_TSE if flags & TxFlags.TSO else 0)
        dtyp = _DATA
        popts = _TXSM | (_IXSM if flags & TxFlags.IPV4 else 0)
    if skb.vlan_tci is not None:
        command |= _VLE
    last_command = command | _EOP | _RS | (_IDE if adapter.tx_int_delay else 0)
    slot = first
    for index, (dma, length) in enumerate(mapped):
        bits = last_command if index + 1 == len(mapped) else command
        slot = ring.put(_DESCRIPTOR.pack(dma, length, dtyp, bits, 0, popts, skb.vlan_tci or 0))
        buffer = ring.buffers[slot]
        buffer.dma, buffer.length = dma, length
    ring.buffers[slot].skb = skb
    ring.buffers[first].next_to_watch = slot
    return True


async def e1000_maybe_stop_tx(adapter: Adapter, ring: TxRing, size: int) -> bool:
    """Stop the ring's queue if there is no room for so many descriptors; returns whether there is not."""
    if ring.unused >= size:
        return False
    queue = netdev_get_tx_queue(adapter.netdev, ring.queue)
    netif_tx_stop_queue(queue)
    await smp_mb()  # whoever reclaims from now on sees that the queue is stopped, and wakes it
    if ring.unused < size:
        return True
    netif_tx_start_queue(queue)  # somebody did before, and did not
    adapter.restart_queue += 1
    return False


async def e1000_clean_tx_irq(adapter: Adapter, ring: TxRing, budget: int) -> None:
    """Reclaim all that the device has sent, report it to byte queue limits, and wake the queue if there is room again.

    Args:
        adapter: the device.
        ring: of the queue.
        budget: of the poll, or 0 in any other context; it does not limit the work (Documentation/networking/napi.rst).
    """
    dev = adapter.netdev
    queue = netdev_get_tx_queue(dev, ring.queue)
    packets = nbytes = 0
    while ring.sent():
        skb = _take(adapter, ring)
        packets += 1
        nbytes += skb.len
        napi_consume_skb(skb, budget)
    if not packets:
        return
    await spend(packets * this_cpu().machine.costs.tx_clean)
    ring.packets += packets
    ring.bytes += nbytes
    netdev_tx_completed_queue(queue, packets, nbytes)
    if dev.carrier and ring.unused >= TX_WAKE_THRESHOLD and netif_tx_queue_stopped(queue) and not adapter.down:
        netif_tx_wake_queue(queue)
        adapter.restart_queue += 1


def _take(adapter: Adapter, ring: TxRing) -> SkBuff:
    """Take the next packet off the ring, sent or not, and give its buffers back (e1000_unmap_and_free_tx_resource)."""
    skb = None
    while skb is None:
        buffer = ring.buffers[ring.next_to_clean]
        if buffer.length:
            dma_unmap_single(adapter.pdev, buffer.dma, buffer.length, _TO_DEVICE)
            buffer.length = 0
        skb, buffer.skb = buffer.skb, None
        ring.next_to_clean = (ring.next_to_clean + 1) % ring.count
    return skb
