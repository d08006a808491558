"""Wrong: a call without await does nothing. probe() of a network driver: what the device says of itself."""

from __future__ import annotations

from dataclasses import dataclass

from driver.kernel.io import Iomem, readl
from driver.kernel.pci import PciDev, pci_enable_device
from hdl.nic.regmap import RAH, RAL, STATUS, Register

#: Mb/s by STATUS.SPEED (SDM 13.4.2).
SPEEDS = {0: 10, 1: 100, 2: 1000, 3: 1000}


@dataclass
class Adapter:
    """The driver's private data: one per device (struct e1000_adapter).

    Attributes:
        hw: where its registers are.
        mac_addr: six bytes, first on the wire first.
        link_up: the PHY has a link, and the MAC uses it.
        link_speed: in Mb/s.
        full_duplex: both sides may send at once.
    """

    hw: Iomem
    mac_addr: bytes = bytes(6)
    link_up: bool = False
    link_speed: int = 0
    full_duplex: bool = False


async def er32(hw: Iomem, register: type[Register], index: int = 0) -> int:
    """Read a register (er32 in e1000_osdep.h); the index-th, if there are several of its name."""
    return await readl(hw + register.at(index))


async def e1000_probe(pdev: PciDev) -> Adapter:
    """Wake the device, and find out who and how it is."""
    pci_enable_device(pdev)
    readl(pdev.iomap() + STATUS.offset)
    adapter = Adapter(hw=pdev.iomap())
    await e1000_read_mac_addr(adapter)
    await e1000_check_for_link(adapter)
    return adapter


async def e1000_read_mac_addr(adapter: Adapter) -> None:
    """Read the station address, which the EEPROM's autoload has put into receive address 0 (SDM 13.5.2)."""
    low = await er32(adapter.hw, RAL)
    high = await er32(adapter.hw, RAH)
    adapter.mac_addr = low.to_bytes(4, "little") + RAH.ADDRESS.get(high).to_bytes(2, "little")


async def e1000_check_for_link(adapter: Adapter) -> None:
    """Read the link's state, speed and duplex (SDM 13.4.2)."""
    status = await er32(adapter.hw, STATUS)
    adapter.link_up = bool(status & STATUS.LU)
    adapter.link_speed = SPEEDS[STATUS.SPEED.get(status)]
    adapter.full_duplex = bool(status & STATUS.FD)
