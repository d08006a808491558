"""802.1Q tags that the device took out of packets, and VLANs that it filters (include/linux/if_vlan.h, net/8021q)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from driver.kernel.net.netdev_features import NETIF_F_HW_VLAN_CTAG_FILTER

if TYPE_CHECKING:
    from driver.kernel.net.netdevice import NetDevice
    from driver.kernel.net.skbuff import SkBuff

VLAN_VID_MASK = 0xFFF


class VlanOps(Protocol):
    """What the driver of an interface with NETIF_F_HW_VLAN_CTAG_FILTER does. Errors are negative errnos."""

    async def ndo_vlan_rx_add_vid(self, dev: NetDevice, vid: int) -> int:
        """Let frames of a VLAN pass."""

    async def ndo_vlan_rx_kill_vid(self, dev: NetDevice, vid: int) -> int:
        """And no longer."""


def __vlan_hwaccel_put_tag(skb: SkBuff, vlan_tci: int) -> None:
    """Note the tag that the device took out of a packet."""
    skb.vlan_tci = vlan_tci


def for_vlan_device(skb: SkBuff) -> bool:
    """Whether a packet is for the VLAN device of its tag; priority tags, of VLAN 0, are for the interface itself."""
    return skb.vlan_tci is not None and skb.vlan_tci & VLAN_VID_MASK != 0


async def vlan_vid_add(dev: NetDevice, vid: int) -> int:
    """A VLAN is wanted: 0, or the driver's error. Without a filter in the device there is nothing to do."""
    if not dev.features & NETIF_F_HW_VLAN_CTAG_FILTER:
        return 0
    return await cast(VlanOps, dev.ops).ndo_vlan_rx_add_vid(dev, vid)


async def vlan_vid_del(dev: NetDevice, vid: int) -> None:
    """It is no longer wanted."""
    if dev.features & NETIF_F_HW_VLAN_CTAG_FILTER:
        await cast(VlanOps, dev.ops).ndo_vlan_rx_kill_vid(dev, vid)
