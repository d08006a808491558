"""The receive ring: its memory, refilling it, and taking packets off it.

The device owns the descriptors from head to tail; ``next_to_use`` is the tail, ``next_to_clean`` the next one that it
will have written back. One slot stays empty, since a tail that equals the head means that there is no descriptor.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from driver.kernel.dma import (
    CoherentMemory,
    DmaDirection,
    FragAllocator,
    dma_alloc_coherent,
    dma_free_coherent,
    dma_map_single,
    dma_mapping_error,
    dma_rmb,
    dma_unmap_single,
    dma_wmb,
)
from driver.kernel.io import writel
from driver.kernel.net.checksum import CHECKSUM_UNNECESSARY
from driver.kernel.net.if_vlan import __vlan_hwaccel_put_tag
from driver.kernel.net.skbuff import SkBuff, build_skb
from hdl.nic.layouts import RxDescriptor, RxErrors, RxStatus
from hdl.nic.regmap import RDT

if TYPE_CHECKING:
    from driver.e1000.adapter import Adapter

#: Bytes of a receive buffer: RCTL.BSIZE 0.
RX_BUFFER_LEN = FragAllocator.SIZE

#: Descriptors that are refilled at once while polling (E1000_RX_BUFFER_WRITE).
RX_BUFFER_WRITE = 16

# The layout's views are for RTL and slow in Python; what the loops below need of them is where the bytes are.
_LAYOUT = RxDescriptor.as_shape()
DESCRIPTOR_BYTES = _LAYOUT.size // 8
_WRITEBACK_AT = _LAYOUT["length"].offset // 8  #: the device writes back from here to the end
_WRITEBACK_BYTES = DESCRIPTOR_BYTES - _WRITEBACK_AT
_STATUS = _LAYOUT["status"].offset // 8 - _WRITEBACK_AT  #: byte of the write-back
_ERRORS = _LAYOUT["errors"].offset // 8 - _WRITEBACK_AT  #: byte of the write-back
_DD = 1 << RxStatus.as_shape()["DD"].offset
_EOP = 1 << RxStatus.as_shape()["EOP"].offset
_IXSM = 1 << RxStatus.as_shape()["IXSM"].offset
_VP = 1 << RxStatus.as_shape()["VP"].offset
_TCPCS = 1 << RxStatus.as_shape()["TCPCS"].offset
_TCPE = 1 << RxErrors.as_shape()["TCPE"].offset
_IPE = 1 << RxErrors.as_shape()["IPE"].offset
_SPECIAL_AT = _LAYOUT["special"].offset // 8 - _WRITEBACK_AT

#: Errors for which a frame is dropped; the stack judges wrong checksums (E1000_RXD_ERR_FRAME_ERR_MASK).
_FRAME_ERRORS = 0xFF & ~(_TCPE | _IPE)

assert [field.width for _, field in _LAYOUT] == [64, 16, 16, 8, 8, 16]
_EMPTY = "Q8x"  #: a descriptor with its buffer's address, and the rest zero: DD clear
_LENGTH = struct.Struct("<H")  #: at the start of the write-back

#: Of an advanced descriptor that was written back: its status and error bytes, and the hash behind its type.
_ADVANCED_STATUS, _ADVANCED_ERRORS = 8, 11
_RSS = struct.Struct("<II")
_RSS_TYPE = 0xF

_FROM_DEVICE = DmaDirection.FROM_DEVICE


class RxRing:
    """A ring of receive descriptors and the buffers in it.

    Attributes:
        count: descriptors.
        buffers: address of the buffer in each slot; 0 for none.
        queue: number of its queue.
        tail_at: offset of its RDT.
        discarding: in the middle of a frame that is longer than one buffer.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.queue = 0
        self.tail_at = RDT.offset
        self.next_to_use = 0
        self.next_to_clean = 0
        self.buffers = [0] * count
        self.discarding = False
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

    def done(self) -> bytes | None:
        """What the device wrote back to the next descriptor to clean; None if it is not finished with that one."""
        slot = self.next_to_clean
        if slot == self.next_to_use:
            return None  # it is not the device's, and still says DD from its last use
        assert self.memory is not None, "the ring is not set up"
        writeback = self.memory.read(slot * DESCRIPTOR_BYTES + _WRITEBACK_AT, _WRITEBACK_BYTES)
        if not writeback[_STATUS] & _DD:
            return None
        dma_rmb()  # nothing else of the descriptor, or of the buffer, before DD
        return writeback


class AdvancedRxRing(RxRing):
    """A ring of one of several queues, with advanced descriptors of one buffer (82576, 7.1.5).

    Attributes:
        packets, bytes: received.
    """

    def __init__(self, count: int, queue: int) -> None:
        super().__init__(count)
        self.queue = queue
        self.tail_at = RDT.at_queue(queue)
        self.packets = self.bytes = 0

    def done(self) -> bytes | None:
        """What the device wrote back, in the order of a legacy descriptor, and behind it what that does not have."""
        slot = self.next_to_clean
        if slot == self.next_to_use:
            return None
        assert self.memory is not None, "the ring is not set up"
        raw = self.memory.read(slot * DESCRIPTOR_BYTES, DESCRIPTOR_BYTES)
        if not raw[_ADVANCED_STATUS] & _DD:
            return None
        dma_rmb()
        status, errors = raw[_ADVANCED_STATUS : _ADVANCED_STATUS + 1], raw[_ADVANCED_ERRORS : _ADVANCED_ERRORS + 1]
        return raw[12:14] + b"\0\0" + status + errors + raw[14:16] + raw[:8]

    def take_over(self, skb: SkBuff, writeback: bytes) -> None:
        """Tell a packet what the device knows of it besides: its queue and the hash of its flow."""
        rss_type, rss_hash = _RSS.unpack_from(writeback, _WRITEBACK_BYTES)
        if rss_type & _RSS_TYPE:
            skb.hash = rss_hash
        skb.queue_mapping = self.queue
        self.packets += 1
        self.bytes += skb.len


def e1000_setup_rx_resources(adapter: Adapter) -> bool:
    """Get memory for the rings; false if there is not enough."""
    for ring in adapter.rx_rings:
        ring.memory = dma_alloc_coherent(adapter.pdev, ring.count * DESCRIPTOR_BYTES)
        ring.next_to_use = ring.next_to_clean = 0
        ring.discarding = False
        if ring.memory is None:
            e1000_free_rx_resources(adapter)
            return False
    return True


def e1000_clean_rx_ring(adapter: Adapter, ring: RxRing) -> None:
    """Free the buffers on a ring; the device must not use them any more."""
    for slot, buffer in enumerate(ring.buffers):
        if buffer:
            dma_unmap_single(adapter.pdev, buffer, RX_BUFFER_LEN, _FROM_DEVICE)
            adapter.pdev.machine.frags.free(buffer)
            ring.buffers[slot] = 0
    ring.next_to_use = ring.next_to_clean = 0
    ring.discarding = False


def e1000_free_rx_resources(adapter: Adapter) -> None:
    """Give the rings and the buffers in them back."""
    for ring in adapter.rx_rings:
        e1000_clean_rx_ring(adapter, ring)
        if ring.memory is not None:
            dma_free_coherent(adapter.pdev, ring.memory)
            ring.memory = None


async def e1000_alloc_rx_buffers(adapter: Adapter, ring: RxRing, count: int) -> None:
    """Give the device so many buffers more. Without memory it gets fewer; the next poll or the watchdog tries again."""
    pdev = adapter.pdev
    frags = pdev.machine.frags
    first = slot = ring.next_to_use
    addresses = []
    for _ in range(count):
        buffer = frags.alloc()
        if not buffer:
            adapter.alloc_rx_buff_failed += 1
            break
        dma = dma_map_single(pdev, buffer, RX_BUFFER_LEN, _FROM_DEVICE)
        if dma_mapping_error(pdev, dma):
            frags.free(buffer)
            adapter.alloc_rx_buff_failed += 1
            break
        addresses.append(dma)
        ring.buffers[slot] = buffer
        slot = (slot + 1) % ring.count
    if not addresses:
        return
    ring.next_to_use = slot
    descriptors = struct.pack("<" + _EMPTY * len(addresses), *addresses)
    until_wrap = (ring.count - first) * DESCRIPTOR_BYTES
    ring.desc.write(first * DESCRIPTOR_BYTES, descriptors[:until_wrap])
    if len(descriptors) > until_wrap:
        ring.desc.write(0, descriptors[until_wrap:])
    dma_wmb()
    await writel(ring.next_to_use, adapter.hw + ring.tail_at)


def e1000_rx_checksum(adapter: Adapter, writeback: bytes, skb: SkBuff) -> None:
    """Take over the device's verdict on the checksum of TCP or UDP; a wrong one is for the stack to see."""
    if writeback[_ERRORS] & _TCPE:
        adapter.hw_csum_err += 1
    elif writeback[_STATUS] & _TCPCS:
        skb.ip_summed = CHECKSUM_UNNECESSARY
        adapter.hw_csum_good += 1


def e1000_rx_skb(adapter: Adapter, ring: RxRing, writeback: bytes) -> SkBuff | None:
    """Take the next descriptor, which is done, off the ring; returns the packet, if one ended there and is good."""
    pdev = adapter.pdev
    slot = ring.next_to_clean
    ring.next_to_clean = (slot + 1) % ring.count
    buffer = ring.buffers[slot]
    ring.buffers[slot] = 0
    dma_unmap_single(pdev, buffer, RX_BUFFER_LEN, _FROM_DEVICE)
    last = writeback[_STATUS] & _EOP
    if last and not ring.discarding and not writeback[_ERRORS] & _FRAME_ERRORS:
        skb = build_skb(buffer, _LENGTH.unpack_from(writeback)[0], adapter.netdev)
        if isinstance(ring, AdvancedRxRing):
            ring.take_over(skb, writeback)
        if not writeback[_STATUS] & _IXSM:
            e1000_rx_checksum(adapter, writeback, skb)
        if writeback[_STATUS] & _VP:
            __vlan_hwaccel_put_tag(skb, _LENGTH.unpack_from(writeback, _SPECIAL_AT)[0])
        return skb
    if last:
        adapter.rx_dropped += 1
    ring.discarding = not last
    pdev.machine.frags.free(buffer)
    return None
