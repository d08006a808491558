"""Socket buffers (net/core/skbuff.c): a frame in a DMA buffer, and what GRO chained behind it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from driver.kernel.dma import FragAllocator
from driver.kernel.net.page_pool import napi_pp_put_page
from driver.kernel.trace import trace_kfree_skb

if TYPE_CHECKING:
    from driver.kernel.net.gro_cb import GroCb
    from driver.kernel.net.netdevice import NetDevice
    from driver.kernel.net.sock import Sock

#: Fragments that one skb may have (CONFIG_MAX_SKB_FRAGS).
MAX_SKB_FRAGS = 17

#: Bytes of struct sk_buff, rounded up to cache lines; skb_shared_info lies in the buffer.
SKB_STRUCT_BYTES = 256


class SkbGso(enum.IntFlag):
    """What kind of segments a merged packet consists of (SKB_GSO_*, include/linux/skbuff.h)."""

    NONE = 0
    TCPV4 = 1 << 0
    TCP_FIXEDID = 1 << 3  #: all segments have the same IP identification


class SkbFrag(NamedTuple):
    """A part of a packet's payload (skb_frag_t).

    Attributes:
        head: physical address of the buffer that it lies in, which the skb owns.
        data: the bytes.
        offset: of the bytes in the buffer.
    """

    head: int
    data: bytes
    offset: int = 0

    @property
    def address(self) -> int:
        """Physical address of the bytes (skb_frag_dma_map)."""
        return self.head + self.offset


class SkbSharedInfo:
    """What an skb has that is more than one buffer (struct skb_shared_info).

    Attributes:
        frags: payload behind the skb's own bytes, MAX_SKB_FRAGS at most.
        frag_list: further skbs, which hold payload only.
        gso_size: payload bytes of each segment but the last; 0 for a packet that was not merged.
        gso_segs: segments.
    """

    __slots__ = ("frag_list", "frags", "gso_segs", "gso_size", "gso_type")

    def __init__(self) -> None:
        self.frags: list[SkbFrag] = []
        self.frag_list: list[SkBuff] = []
        self.gso_size = self.gso_segs = 0
        self.gso_type = SkbGso.NONE


class SkBuff:
    """A packet (struct sk_buff).

    Attributes:
        head: physical address of the buffer that it owns.
        data: the frame, destination address first, no FCS; of a merged packet the headers and the first payload.
        dev: the interface that it came in by, or goes out by.
        shinfo: the rest of a packet of several buffers; None for one buffer.
        ip_summed: of a packet to send: CHECKSUM_NONE, it is complete, or CHECKSUM_PARTIAL, the device completes it; of
            one that was received: CHECKSUM_UNNECESSARY, the device has verified that of TCP or UDP.
        csum_start, csum_offset: with CHECKSUM_PARTIAL: the checksum covers the bytes of the packet from there on, and
            goes that far behind there, where the pseudo header's sum is.
        vlan_tci: the 802.1Q tag that the packet has besides its data; None for none.
        priority: for the qdisc, 0 to 15.
        hash: of its flow, if the device or somebody else computed it; else 0.
        napi_id: of the instance that received it; 0 if unknown.
        queue_mapping: number of the receive queue that it came in by, or of the transmit queue that it goes to.
        pp_recycle: its buffers go back to the page pool that they are from.
        destructor: called with the skb when it is freed, to take it off the account of ``sk``.
        sk: the socket that it is charged to; only with a destructor.
        cb: GRO's notes; only within GRO.
    """

    __slots__ = (
        "cb",
        "csum_offset",
        "csum_start",
        "data",
        "destructor",
        "dev",
        "hash",
        "head",
        "ip_summed",
        "napi_id",
        "pp_recycle",
        "priority",
        "queue_mapping",
        "shinfo",
        "sk",
        "vlan_tci",
    )

    head: int
    data: bytes
    dev: NetDevice
    shinfo: SkbSharedInfo | None
    ip_summed: int
    csum_start: int
    csum_offset: int
    vlan_tci: int | None
    priority: int
    hash: int
    napi_id: int
    queue_mapping: int
    pp_recycle: bool
    destructor: Callable[[SkBuff], None] | None
    sk: Sock
    cb: GroCb

    @property
    def len(self) -> int:
        """Bytes of the packet."""
        return len(self.data) if self.shinfo is None else len(self.data) + self.data_len

    @property
    def data_len(self) -> int:
        """Those of them that are not in ``data``."""
        shinfo = self.shinfo
        if shinfo is None:
            return 0
        return sum(len(frag.data) for frag in shinfo.frags) + sum(skb.len for skb in shinfo.frag_list)

    @property
    def truesize(self) -> int:
        """Bytes of memory that it keeps busy, which sockets charge: buffers and the struct itself."""
        own = FragAllocator.SIZE + SKB_STRUCT_BYTES
        if self.shinfo is None:
            return own
        return own + FragAllocator.SIZE * len(self.shinfo.frags) + sum(skb.truesize for skb in self.shinfo.frag_list)

    @property
    def protocol(self) -> int:
        """EtherType."""
        return int.from_bytes(self.data[12:14], "big")

    def pieces(self) -> Iterator[SkbFrag]:
        """Its buffers in the order of their bytes, and what of the packet each of them holds."""
        yield SkbFrag(self.head, self.data)
        if self.shinfo is not None:
            yield from self.shinfo.frags
            for skb in self.shinfo.frag_list:
                yield from skb.pieces()


def build_skb(head: int, length: int, dev: NetDevice) -> SkBuff:
    """An skb of the bytes that the device wrote into a buffer; the skb owns the buffer from now on."""
    skb = SkBuff()
    skb.head = head
    skb.data = dev.machine.memory.read(head, length)
    skb.dev = dev
    skb.shinfo = skb.destructor = skb.vlan_tci = None
    skb.pp_recycle = False
    skb.ip_summed = skb.hash = skb.napi_id = skb.priority = skb.queue_mapping = 0
    return skb


def alloc_skb(data: bytes, dev: NetDevice) -> SkBuff | None:
    """An skb to send: a frame without FCS, at most FragAllocator.SIZE bytes; None if there is no memory for it."""
    machine = dev.machine
    head = machine.frags.alloc()
    if not head:
        return None
    machine.memory.write(head, data)
    return build_skb(head, len(data), dev)


def alloc_skb_with_frags(data: bytes, linear: int, dev: NetDevice) -> SkBuff | None:
    """The same of any length: the first ``linear`` bytes in the skb itself, the rest in fragments."""
    skb = alloc_skb(data[:linear], dev)
    if skb is None:
        return None
    machine = dev.machine
    for at in range(linear, len(data), FragAllocator.SIZE):
        head = machine.frags.alloc()
        if not head:
            consume_skb(skb)
            return None
        part = data[at : at + FragAllocator.SIZE]
        machine.memory.write(head, part)
        skb_shinfo(skb).frags.append(SkbFrag(head, part))
    return skb


def skb_copy_data(skb: SkBuff) -> bytes:
    """The whole packet."""
    return skb.data if skb.shinfo is None else b"".join(piece.data for piece in skb.pieces())


def skb_shinfo(skb: SkBuff) -> SkbSharedInfo:
    """Its shared info; made on first use."""
    if skb.shinfo is None:
        skb.shinfo = SkbSharedInfo()
    return skb.shinfo


def consume_skb(skb: SkBuff) -> None:
    """Free a packet that reached its end."""
    machine = skb.dev.machine
    if machine.rules is not None and not machine.rules.transmit.freed(skb):
        return
    if skb.destructor is not None:
        skb.destructor(skb)
    free = machine.frags.free
    if skb.pp_recycle:
        for piece in skb.pieces():
            if not napi_pp_put_page(skb, piece.head):
                free(piece.head)
    elif skb.shinfo is None:
        free(skb.head)
    else:
        for piece in skb.pieces():
            free(piece.head)
    if machine.rules is not None:
        skb.head = 0


def kfree_skb_reason(skb: SkBuff, reason: str) -> None:
    """Free a packet that is dropped, and say why."""
    trace_kfree_skb(skb, reason)
    consume_skb(skb)
