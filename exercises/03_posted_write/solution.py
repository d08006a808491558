"""Exercise 3: a posted write that has not landed yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from driver.kernel.io import Iomem, readl, writel
from driver.kernel.irq import IRQF_SHARED, IrqReturn, request_irq, synchronize_irq
from driver.kernel.pci import PciDev, pci_enable_device
from hdl.nic.regmap import CTRL, ICR, IMC, IMS, STATUS, Register

#: All interrupt causes.
ALL_CAUSES = IMC.writable


@dataclass(eq=False)
class Adapter:
    """The driver's private data.

    Attributes:
        pdev, hw: the device and its registers.
        quiet: e1000_irq_disable has returned: no handler may run any more.
        irqs: interrupts so far.
        late_irqs: interrupts that came although all was quiet.
    """

    pdev: PciDev
    hw: Iomem
    quiet: bool = True
    irqs: int = 0
    late_irqs: int = 0


async def er32(hw: Iomem, register: type[Register]) -> int:
    """Read a register."""
    return await readl(hw + register.offset)


async def ew32(hw: Iomem, register: type[Register], value: int) -> None:
    """Write a register; the write is posted."""
    await writel(value, hw + register.offset)


async def e1000_write_flush(hw: Iomem) -> None:
    """Return when the device has seen all writes so far (E1000_WRITE_FLUSH)."""
    await er32(hw, STATUS)


async def e1000_probe(pdev: PciDev) -> Adapter:
    """Take over the device and put the handler on its line."""
    pci_enable_device(pdev)
    adapter = Adapter(pdev, pdev.iomap())
    request_irq(pdev.irq, e1000_intr, IRQF_SHARED, "eth0", adapter)
    return adapter


async def e1000_intr(_irq: int, dev_id: object) -> IrqReturn:
    """Count, and acknowledge by reading ICR. Once all is quiet the memory that it works on may be gone."""
    adapter = cast(Adapter, dev_id)
    icr = await er32(adapter.hw, ICR)
    if not icr:
        return IrqReturn.NONE
    adapter.irqs += 1
    adapter.late_irqs += adapter.quiet
    return IrqReturn.HANDLED


async def e1000_irq_enable(adapter: Adapter) -> None:
    """Unmask the link's interrupt."""
    adapter.quiet = False
    await ew32(adapter.hw, IMS, ICR.LSC)


async def e1000_irq_disable(adapter: Adapter) -> None:
    """Mask everything; when this returns no handler runs, and none will."""
    await ew32(adapter.hw, IMC, ALL_CAUSES)
    await e1000_write_flush(adapter.hw)
    await synchronize_irq(adapter.pdev.irq)
    adapter.quiet = True


async def e1000_toggle_link(adapter: Adapter) -> None:
    """Take the link down or up; the device says so by an interrupt."""
    await ew32(adapter.hw, CTRL, await er32(adapter.hw, CTRL) ^ CTRL.SLU)
