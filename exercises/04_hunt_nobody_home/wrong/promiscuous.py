"""Wrong: takes everything, and hides the fault."""

from __future__ import annotations

from driver.kernel.io import Iomem, readl, writel
from driver.kernel.net.netdevice import NetDevice, register_netdev
from driver.kernel.pci import PciDev, pci_enable_device
from driver.kernel.timer import usleep_range
from hdl.nic.regmap import CTRL, IMC, RAH, RAL, RCTL, STATUS, Register

ETH_ALEN = 6  #: bytes of a MAC address
RAL_BYTES = 4  #: of them in RAL


async def er32(hw: Iomem, register: type[Register]) -> int:
    """Read a register."""
    return await readl(hw + register.offset)


async def ew32(hw: Iomem, register: type[Register], value: int) -> None:
    """Write a register; the write is posted."""
    await writel(value, hw + register.offset)


class NetdevOps:
    """netdev_ops."""

    async def ndo_open(self, dev: NetDevice) -> int:
        """Program the address and turn the receiver on."""
        hw: Iomem = dev.priv
        await ew32(hw, CTRL, await er32(hw, CTRL) | CTRL.SLU)
        await e1000_rar_set(hw, dev.dev_addr)
        await ew32(hw, RCTL, RCTL.EN | RCTL.SECRC | RCTL.UPE)
        await er32(hw, STATUS)
        return 0

    async def ndo_stop(self, dev: NetDevice) -> int:
        """Turn the receiver off."""
        await ew32(dev.priv, RCTL, 0)
        await er32(dev.priv, STATUS)
        return 0

    async def ndo_set_rx_mode(self, dev: NetDevice) -> None:
        """Unicast only."""


async def e1000_probe(pdev: PciDev) -> NetDevice:
    """Read the address, reset the device, and register the interface."""
    pci_enable_device(pdev)
    hw = pdev.iomap()
    netdev = NetDevice(pdev.machine, "", NetdevOps(), hw, driver="e1000", parent=pdev)
    netdev.dev_addr = await e1000_read_mac_addr(hw)
    await ew32(hw, IMC, IMC.writable)
    await er32(hw, STATUS)
    await ew32(hw, CTRL, await er32(hw, CTRL) | CTRL.RST)
    await usleep_range(5, 10)
    register_netdev(netdev)
    return netdev


async def e1000_read_mac_addr(hw: Iomem) -> bytes:
    """Read receive address 0 byte by byte: four bytes from RAL, two from RAH (SDM 13.5.2)."""
    low, high = await er32(hw, RAL), await er32(hw, RAH)
    address = bytearray(ETH_ALEN)
    for index in range(ETH_ALEN):
        if index < RAL_BYTES:
            address[index] = low >> 8 * index & 0xFF
        else:
            address[index] = high >> 8 * (ETH_ALEN - 1 - index) & 0xFF
    return bytes(address)


async def e1000_rar_set(hw: Iomem, address: bytes) -> None:
    """Put a MAC address into receive address 0, from where the filter takes it."""
    await ew32(hw, RAL, int.from_bytes(address[:RAL_BYTES], "little"))
    await ew32(hw, RAH, int.from_bytes(address[RAL_BYTES:], "little") | RAH.AV)
