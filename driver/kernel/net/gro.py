"""Generic receive offload: packets of one TCP flow become one before they enter the stack (net/core/gro.c, Linux 6.19).

A driver calls ``napi_gro_receive`` instead of ``netif_receive_skb``, from its poll. The first call makes ``napi.gro``,
which is None until then. Whoever runs the instance calls

- ``await napi.gro.gro_flush_normal(flush_old=...)`` in napi_complete_done, before the instance is given up (true if a
  timer will poll it again, else false), and when a poll used up its budget (true if HZ >= 1000);
- ``await napi.gro.gro_normal_list()`` after each poll of a busy poller;
- ``napi.gro.gro_cleanup()`` when the instance is deleted.

``napi.gro.bitmask`` is non-zero while packets are held. Only TCP over IPv4 is merged; everything else passes as NORMAL.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from driver.kernel.cpu import spend, this_cpu
from driver.kernel.net.dev import netif_receive_skb
from driver.kernel.net.gro_cb import GroCb
from driver.kernel.net.if_ether import ETH_HLEN
from driver.kernel.net.ipv4.af_inet import ETH_P_IP, inet_gro_complete, inet_gro_receive
from driver.kernel.net.netdev_features import NETIF_F_GRO
from driver.kernel.net.skbuff import SkBuff, kfree_skb_reason
from driver.kernel.trace import trace_napi_gro_receive_entry, trace_napi_gro_receive_exit

if TYPE_CHECKING:
    from driver.kernel.net.napi import Napi

GRO_HASH_BUCKETS = 8

#: Packets that one bucket holds.
MAX_GRO_SKBS = 8


class GroResult(enum.IntEnum):
    """What became of a packet (gro_result_t)."""

    MERGED = 0  #: its skb is chained to a held one
    MERGED_FREE = 1  #: its payload is part of a held packet, its skb is gone
    HELD = 2  #: others may be merged into it
    NORMAL = 3  #: on its way up
    CONSUMED = 4  #: somebody else has it; no protocol of the model does that


class GroNode:
    """What GRO keeps for a NAPI instance (struct gro_node).

    Attributes:
        bitmask: the buckets that hold packets.
        hash: the buckets: held packets, the oldest first.
        rx_list: packets on their way up.
        rx_count: how many segments those are.
    """

    __slots__ = ("bitmask", "hash", "rx_count", "rx_list")

    def __init__(self) -> None:
        self.bitmask = 0
        self.hash: tuple[list[SkBuff], ...] = tuple([] for _ in range(GRO_HASH_BUCKETS))
        self.rx_list: list[SkBuff] = []
        self.rx_count = 0

    async def gro_flush(self, *, flush_old: bool) -> None:
        """Complete the held packets: all, or those held since an earlier jiffy."""
        jiffies = this_cpu().machine.jiffies
        for index, bucket in enumerate(self.hash):
            while bucket and not (flush_old and bucket[0].cb.age == jiffies):
                await self._gro_complete(bucket.pop(0))
            self._note(index)

    async def gro_flush_normal(self, *, flush_old: bool) -> None:
        """gro_flush, and then hand up everything that is completed."""
        if self.bitmask:
            await self.gro_flush(flush_old=flush_old)
        await self.gro_normal_list()

    async def gro_normal_list(self) -> None:
        """Hand the packets that are on their way up to the stack."""
        if not self.rx_list:
            return
        batch, self.rx_list = self.rx_list, []
        self.rx_count = 0
        for skb in batch:
            await netif_receive_skb(skb)

    def gro_cleanup(self) -> None:
        """Drop what is held or on its way; the instance is being deleted."""
        for bucket in (*self.hash, self.rx_list):
            for skb in bucket:
                kfree_skb_reason(skb, "NOT_SPECIFIED")
            bucket.clear()
        self.bitmask = self.rx_count = 0

    async def dev_gro_receive(self, skb: SkBuff) -> GroResult:
        """Merge a packet into a held one, hold it, or neither."""
        machine = skb.dev.machine
        cb = skb.cb = GroCb(skb)
        index = skb.hash % GRO_HASH_BUCKETS
        bucket = self.hash[index]
        completed = None
        if skb.dev.features & NETIF_F_GRO and skb.protocol == ETH_P_IP:
            completed = inet_gro_receive(_gro_list_prepare(bucket, skb), skb)
        else:
            cb.flush = True
        await spend(machine.costs.napi_gro_receive + cb.summed * machine.costs.csum_partial // 1024)
        if completed is not None:
            bucket.remove(completed)
            await self._gro_complete(completed)
        if cb.same_flow:
            result = GroResult.MERGED_FREE if cb.free else GroResult.MERGED
        elif cb.flush:
            result = GroResult.NORMAL
        else:
            if len(bucket) >= MAX_GRO_SKBS:
                await self._gro_complete(bucket.pop(0))
            cb.age = machine.jiffies
            bucket.append(skb)
            result = GroResult.HELD
        self._note(index)
        return result

    async def gro_normal_one(self, skb: SkBuff, segments: int) -> None:
        """Put a packet on its way up; a batch of segments goes together."""
        self.rx_list.append(skb)
        self.rx_count += segments
        if self.rx_count >= skb.dev.machine.sysctl.gro_normal_batch:
            await self.gro_normal_list()

    async def _gro_complete(self, skb: SkBuff) -> None:
        """A held packet goes up, as one of many segments or as it came."""
        if skb.cb.count > 1:
            inet_gro_complete(skb)
        await self.gro_normal_one(skb, skb.cb.count)

    def _note(self, index: int) -> None:
        """Keep the bit of a bucket up to date."""
        if self.hash[index]:
            self.bitmask |= 1 << index
        else:
            self.bitmask &= ~(1 << index)


def _gro_list_prepare(bucket: list[SkBuff], skb: SkBuff) -> list[SkBuff]:
    """The held packets that may be of the same flow: same hash, interface and Ethernet header."""
    header = skb.data[:ETH_HLEN]
    return [
        p
        for p in bucket
        if p.hash == skb.hash and p.dev is skb.dev and p.vlan_tci == skb.vlan_tci and p.data[:ETH_HLEN] == header
    ]


async def napi_gro_receive(napi: Napi, skb: SkBuff) -> GroResult:
    """Hand a received packet to GRO; it reaches the stack merged or alone, now or later. Only in the poll."""
    rules = skb.dev.machine.rules
    if rules is not None:
        rules.transmit.received("napi_gro_receive")
        if rules.rings.fragments:
            rules.rings.delivered(skb)
    gro = napi.gro
    if gro is None:
        gro = napi.gro = GroNode()
    skb.napi_id = napi.id
    trace_napi_gro_receive_entry(skb)
    result = await gro.dev_gro_receive(skb)
    if result is GroResult.NORMAL:
        await gro.gro_normal_one(skb, 1)
    trace_napi_gro_receive_exit(skb.dev, result)
    return result
