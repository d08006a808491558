"""Generic segmentation: cutting a packet into what it consists of, in software (net/core/gso.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel.net.ipv4.af_inet import inet_gso_segment

if TYPE_CHECKING:
    from driver.kernel.net.skbuff import SkBuff


def skb_gso_segment(skb: SkBuff) -> list[bytes]:
    """The frames that a packet consists of, in order: what the device received, byte for byte; or is to send."""
    if skb.shinfo is None or not skb.shinfo.gso_size:
        return [skb.data]
    return inet_gso_segment(skb)
