"""Exercise 34, the final exam: a driver that receives and sends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from driver.kernel.io import Iomem
from driver.kernel.net.napi import Napi, netif_napi_add
from driver.kernel.net.netdevice import NetDevice, NetDeviceOps, register_netdev
from driver.kernel.net.skbuff import SkBuff
from driver.kernel.pci import PciDev, pci_enable_device

ENOSYS = 38


@dataclass(eq=False)
class Adapter:
    """One device (struct e1000_adapter)."""

    netdev: NetDevice
    pdev: PciDev
    hw: Iomem
    napi: Napi
    # TODO: the rings, and what is on them.


async def e1000_clean(_napi: Napi, _budget: int) -> int:
    """poll()."""
    # TODO
    return 0


async def e1000_probe(pdev: PciDev) -> NetDevice:
    """Take over a device and register its interface."""
    pci_enable_device(pdev)
    netdev = NetDevice(pdev.machine, "", Ops(), None, driver="e1000", parent=pdev)
    netdev.priv = Adapter(netdev, pdev, pdev.iomap(), netif_napi_add(netdev, e1000_clean))
    register_netdev(netdev)
    return netdev


async def e1000_open(netdev: NetDevice) -> int:
    """Rings, handler, NAPI, unmask, queue."""
    _adapter = cast(Adapter, netdev.priv)
    # TODO
    return -ENOSYS


async def e1000_close(_netdev: NetDevice) -> int:
    """What open did, undone."""
    # TODO
    return 0


async def e1000_xmit_frame(_skb: SkBuff, _netdev: NetDevice) -> int:
    """ndo_start_xmit."""
    # TODO
    return -ENOSYS


class Ops(NetDeviceOps):
    """e1000_netdev_ops; what is not here does nothing."""

    async def ndo_open(self, dev: NetDevice) -> int:
        """Ip link set DEV up."""
        return await e1000_open(dev)

    async def ndo_stop(self, dev: NetDevice) -> int:
        """Ip link set DEV down."""
        return await e1000_close(dev)

    async def ndo_start_xmit(self, skb: SkBuff, dev: NetDevice) -> int:
        """Send a packet."""
        return await e1000_xmit_frame(skb, dev)
