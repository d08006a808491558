"""PCI devices as a driver gets them (include/linux/pci.h)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from driver.kernel.io import Iomem

if TYPE_CHECKING:
    from driver.kernel.dma import DmaDirection
    from driver.kernel.machine import Machine

#: Interrupt line of device 0; the others follow.
FIRST_IRQ = 16


@dataclass(slots=True, eq=False)
class PciDev:
    """A device on the bus (struct pci_dev).

    Attributes:
        machine: the machine that it is plugged into.
        slot: its number on the bus.
        mappings: streaming DMA mappings that are alive: size in bytes and direction, by DMA address.
    """

    machine: Machine
    slot: int
    mappings: dict[int, tuple[int, DmaDirection]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its address in Linux's notation."""
        return f"0000:00:{self.slot + 1:02x}.0"

    @property
    def irq(self) -> int:
        """Its interrupt line."""
        return FIRST_IRQ + self.slot

    def iomap(self) -> Iomem:
        """Map its registers (pci_iomap of BAR 0)."""
        return Iomem(self.slot)
