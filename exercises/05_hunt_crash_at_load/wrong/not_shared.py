"""Wrong: does not share the line, and so has none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from driver.kernel.io import Iomem, readl, writel
from driver.kernel.irq import IrqReturn, request_irq
from driver.kernel.pci import PciDev, pci_enable_device
from driver.kernel.timer import usleep_range
from hdl.nic.regmap import CTRL, ICR, IMC, IMS, STATUS, Register


@dataclass
class LinkState:
    """What is known of the link.

    Attributes:
        up: it is there.
        changes: how often that changed.
    """

    up: bool
    changes: int = 0


@dataclass(eq=False)
class Adapter:
    """The driver's private data; ``link`` is None until it is set up."""

    pdev: PciDev
    hw: Iomem
    link: LinkState | None = None


async def er32(hw: Iomem, register: type[Register]) -> int:
    """Read a register."""
    return await readl(hw + register.offset)


async def ew32(hw: Iomem, register: type[Register], value: int) -> None:
    """Write a register; the write is posted."""
    await writel(value, hw + register.offset)


async def e1000_probe(pdev: PciDev) -> Adapter:
    """Reset the device, set up what the handler needs, and put it on the line."""
    pci_enable_device(pdev)
    adapter = Adapter(pdev, pdev.iomap())
    await e1000_reset_hw(adapter.hw)
    await e1000_setup_link(adapter)
    request_irq(pdev.irq, e1000_intr, 0, "eth0", adapter)
    await ew32(adapter.hw, IMS, ICR.LSC)
    return adapter


async def e1000_reset_hw(hw: Iomem) -> None:
    """Mask, reset, mask (SDM 14.3). Sleeps."""
    await ew32(hw, IMC, IMC.writable)
    await er32(hw, STATUS)
    await ew32(hw, CTRL, await er32(hw, CTRL) | CTRL.RST)
    await usleep_range(5, 10)
    await ew32(hw, IMC, IMC.writable)
    await er32(hw, ICR)


async def e1000_setup_link(adapter: Adapter) -> None:
    """Let the MAC use the link, and note its state."""
    hw = adapter.hw
    await ew32(hw, CTRL, await er32(hw, CTRL) | CTRL.SLU)
    adapter.link = LinkState(up=bool(await er32(hw, STATUS) & STATUS.LU))
    await er32(hw, ICR)  # that it is there now is no news


async def e1000_intr(_irq: int, dev_id: object) -> IrqReturn:
    """Handler: follow the link."""
    adapter = cast(Adapter, dev_id)
    icr = await er32(adapter.hw, ICR)
    up = bool(await er32(adapter.hw, STATUS) & STATUS.LU)
    if up != adapter.link.up:
        adapter.link.up = up
        adapter.link.changes += 1
    return IrqReturn.HANDLED if icr & ICR.LSC else IrqReturn.NONE


async def e1000_toggle_link(adapter: Adapter) -> None:
    """Take the link down or up; the device says so by an interrupt."""
    await ew32(adapter.hw, CTRL, await er32(adapter.hw, CTRL) ^ CTRL.SLU)
