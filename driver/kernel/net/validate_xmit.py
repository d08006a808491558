"""What a device does not do for a packet is done before it gets it: tags, segments, checksums (net/core/dev.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel.cpu import spend
from driver.kernel.dma import FragAllocator
from driver.kernel.net.checksum import CHECKSUM_NONE, CHECKSUM_PARTIAL, ones_sum
from driver.kernel.net.gso import skb_gso_segment
from driver.kernel.net.netdev_features import NETIF_F_HW_CSUM, NETIF_F_HW_VLAN_CTAG_TX, NETIF_F_SG, NETIF_F_TSO
from driver.kernel.net.skbuff import (
    SkBuff,
    alloc_skb,
    consume_skb,
    kfree_skb_reason,
    skb_copy_data,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driver.kernel.net.netdevice import NetDevice

_TAG_AT = 12
_ETH_P_8021Q = b"\x81\x00"


async def validate_xmit_skb_list(skbs: Sequence[SkBuff], dev: NetDevice) -> Sequence[SkBuff]:
    """Packets as the device can send them; what there is no memory for is dropped and counted."""
    if all(skb.shinfo is None and not skb.ip_summed and skb.vlan_tci is None for skb in skbs):
        return skbs
    return [valid for skb in skbs for valid in await _validate_xmit_skb(skb, dev)]


async def _validate_xmit_skb(skb: SkBuff, dev: NetDevice) -> Sequence[SkBuff]:
    features = dev.features
    if skb.vlan_tci is not None and not features & NETIF_F_HW_VLAN_CTAG_TX:
        tagged = _vlan_hwaccel_push_inside(skb)
        if tagged is None:
            return ()
        skb = tagged
    if skb.shinfo is not None and skb.shinfo.gso_size:
        if features & NETIF_F_TSO:
            return (skb,)
        return await _segment(skb)
    if skb.shinfo is not None and not features & NETIF_F_SG:
        linear = _replace(skb, skb_copy_data(skb))
        if linear is None:
            return ()
        skb = linear
    if skb.ip_summed == CHECKSUM_PARTIAL and not features & NETIF_F_HW_CSUM:
        await skb_checksum_help(skb)
    return (skb,)


async def _segment(skb: SkBuff) -> Sequence[SkBuff]:
    """Segmentation in software: complete packets, whose checksums cost the CPU what they cost."""
    machine = skb.dev.machine
    await spend(skb.len * machine.costs.csum_partial // 1024)
    segments: list[SkBuff] = []
    for frame in skb_gso_segment(skb):
        segment = alloc_skb(frame, skb.dev)
        if segment is None:
            _drop(skb)
            for made in segments:
                consume_skb(made)
            return ()
        segment.priority, segment.queue_mapping = skb.priority, skb.queue_mapping
        segments.append(segment)
    consume_skb(skb)
    return segments


async def skb_checksum_help(skb: SkBuff) -> None:
    """Complete a CHECKSUM_PARTIAL in software."""
    machine = skb.dev.machine
    summed = skb_copy_data(skb)[skb.csum_start :]
    await spend(len(summed) * machine.costs.csum_partial // 1024)
    check = (0xFFFF - ones_sum(summed)) or 0xFFFF  # CSUM_MANGLED_0
    at = skb.csum_start + skb.csum_offset
    skb.data = skb.data[:at] + check.to_bytes(2, "big") + skb.data[at + 2 :]
    machine.memory.write(skb.head, skb.data)
    skb.ip_summed = CHECKSUM_NONE


def _vlan_hwaccel_push_inside(skb: SkBuff) -> SkBuff | None:
    """The tag becomes a part of the data."""
    assert skb.vlan_tci is not None
    tag = _ETH_P_8021Q + skb.vlan_tci.to_bytes(2, "big")
    tagged = _replace(skb, skb_copy_data(skb)[:_TAG_AT] + tag + skb_copy_data(skb)[_TAG_AT:])
    if tagged is not None:
        tagged.vlan_tci = None
        if tagged.ip_summed == CHECKSUM_PARTIAL:
            tagged.csum_start += len(tag)
    return tagged


def _replace(skb: SkBuff, data: bytes) -> SkBuff | None:
    """A packet of one buffer with other bytes; None, and it is dropped, if there is none, or none as large."""
    copy = alloc_skb(data, skb.dev) if len(data) <= FragAllocator.SIZE else None
    if copy is None:
        _drop(skb)
        return None
    copy.priority, copy.queue_mapping = skb.priority, skb.queue_mapping
    copy.vlan_tci, copy.ip_summed = skb.vlan_tci, skb.ip_summed
    if skb.ip_summed == CHECKSUM_PARTIAL:
        copy.csum_start, copy.csum_offset = skb.csum_start, skb.csum_offset
    if skb.destructor is not None:
        copy.destructor, copy.sk = skb.destructor, skb.sk
        skb.destructor = None
    consume_skb(skb)
    return copy


def _drop(skb: SkBuff) -> None:
    skb.dev.core_tx_dropped += 1
    kfree_skb_reason(skb, "NOT_SPECIFIED")
