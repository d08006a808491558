"""Wrong: the receiver is not turned off first."""

from __future__ import annotations

from driver.kernel.io import Iomem, readl, writel
from driver.kernel.pci import PciDev, pci_enable_device
from driver.kernel.timer import usleep_range
from hdl.nic.regmap import CTRL, ICR, IMC, RCTL, STATUS, Register

#: All interrupt causes.
ALL_CAUSES = IMC.writable


async def er32(hw: Iomem, register: type[Register]) -> int:
    """Read a register."""
    return await readl(hw + register.offset)


async def ew32(hw: Iomem, register: type[Register], value: int) -> None:
    """Write a register; the write is posted."""
    await writel(value, hw + register.offset)


async def e1000_write_flush(hw: Iomem) -> None:
    """Return when the device has seen all writes so far: a read pushes them ahead of it (E1000_WRITE_FLUSH)."""
    await er32(hw, STATUS)


async def e1000_probe(pdev: PciDev) -> Iomem:
    """Take over a device that somebody else has used: a boot loader, or the kernel before this one."""
    pci_enable_device(pdev)
    hw = pdev.iomap()
    await e1000_reset_hw(hw)
    return hw


async def e1000_reset_hw(hw: Iomem) -> None:
    """Quiesce the device, reset it, and leave it masked and without causes (SDM 14.3). Sleeps."""
    await ew32(hw, IMC, ALL_CAUSES)
    await e1000_write_flush(hw)
    ctrl = await er32(hw, CTRL)
    await ew32(hw, CTRL, ctrl | CTRL.RST)
    await usleep_range(5, 10)  # SDM 13.4.1: the registers are not accessible for about 1 us
    await ew32(hw, IMC, ALL_CAUSES)
    await er32(hw, ICR)
