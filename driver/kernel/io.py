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
    value: int = await trap(Stall(address.device, address.offset))
    return value


async def writel(value: int, address: Iomem) -> None:
    """Write 32 bits. Posted: the CPU goes on once the write has left it, the device sees it later."""
    cpu = this_cpu()
    await spend(cpu.machine.costs.mmio_write)
    cpu.machine.post_write(address.device, address.offset, value)
