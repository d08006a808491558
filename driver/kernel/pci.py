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
        driver: name of the driver that has it; empty if none has.
        dma_mask: the highest address that it can use; until its driver says otherwise, 32 bits.
        mappings: streaming DMA mappings that are alive: size in bytes and direction, by DMA address.
        enabled: pci_enable_device was called: its registers may be accessed.
    """

    machine: Machine
    slot: int
    driver: str = ""
    dma_mask: int = (1 << 32) - 1
    mappings: dict[int, tuple[int, DmaDirection]] = field(default_factory=dict)
    enabled: bool = False

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


def pci_enable_device(dev: PciDev) -> int:
    """Wake a device and let its registers be accessed; 0."""
    dev.enabled = True
    if dev.machine.rules is not None:
        dev.machine.rules.mmio.enabled(dev, enabled=True)
    return 0


def pci_disable_device(dev: PciDev) -> None:
    """The driver is done with a device; nobody accesses its registers any more."""
    dev.enabled = False
    if dev.machine.rules is not None:
        dev.machine.rules.mmio.enabled(dev, enabled=False)


def device_release_driver(dev: PciDev) -> None:
    """A driver's remove() is over, and it no longer has the device (drivers/base/dd.c)."""
    if dev.machine.rules is not None:
        dev.machine.rules.dma.unbound(dev)
    dev.driver = ""
