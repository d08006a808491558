"""MMIO: ioremapped addresses, stalling reads and posted writes (Documentation/driver-api/device-io.rst)."""

from __future__ import annotations

from dataclasses import dataclass

from driver.kernel.cpu import Stall, spend, this_cpu, trap


@dataclass(frozen=True, slots=True)
class Iomem:
    """An address in a device's memory BAR (void __iomem *).

    Attributes:
        device: number of the device on the bus.
        offset: bytes from the start of its BAR.
    """

    device: int
    offset: int = 0

    def __add__(self, offset: int) -> Iomem:
        return Iomem(self.device, self.offset + offset)


async def readl(address: Iomem) -> int:
    """Read 32 bits. The CPU stalls until the value is back; earlier posted writes get there first."""
    rules = this_cpu().machine.rules
    if rules is not None:
        rules.mmio.accessed(address.device, address.offset, "read")
    value: int = await trap(Stall(address.device, address.offset))
    return value


async def writel(value: int, address: Iomem) -> None:
    """Write 32 bits. Posted: the CPU goes on once the write has left it, the device sees it later."""
    cpu = this_cpu()
    await spend(cpu.machine.costs.mmio_write)
    if cpu.machine.rules is not None:
        cpu.machine.rules.mmio.accessed(address.device, address.offset, "written")
    cpu.machine.post_write(address.device, address.offset, value)


async def writel_relaxed(value: int, address: Iomem) -> None:
    """Write 32 bits, unordered with earlier writes to memory: a wmb() must order them, where writel does."""
    cpu = this_cpu()
    await spend(cpu.machine.costs.mmio_write)
    if cpu.machine.rules is not None:
        cpu.machine.rules.mmio.accessed(address.device, address.offset, "written")
        cpu.machine.rules.rings.relaxed()
    cpu.machine.post_write(address.device, address.offset, value)
