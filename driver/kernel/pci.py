"""PCI devices as a driver gets them (include/linux/pci.h)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from driver.kernel.io import Iomem
from driver.kernel.irq import EINVAL, IRQ_TYPE_EDGE_RISING, irq_set_irq_type

if TYPE_CHECKING:
    from driver.kernel.dma import DmaDirection
    from driver.kernel.machine import Machine

#: Interrupt line of device 0; the others follow.
FIRST_IRQ = 16

#: Number of the first message-signalled interrupt that is handed out; those of a device follow each other.
FIRST_MSI_IRQ = 24

#: Numbers that each device has for its messages, so that they do not depend on who asks first.
_MSI_IRQS = 16

PCI_IRQ_INTX = 1 << 0
PCI_IRQ_MSIX = 1 << 2

ENOSPC = 28


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
        msix_vectors: entries of its MSI-X table; 0 if it has none.
        vectors: of them, those that its driver has; 0 while the device uses its interrupt line.
    """

    machine: Machine
    slot: int
    driver: str = ""
    dma_mask: int = (1 << 32) - 1
    mappings: dict[int, tuple[int, DmaDirection]] = field(default_factory=dict)
    enabled: bool = False
    msix_vectors: int = 0
    vectors: int = 0

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


def pci_msix_vec_count(dev: PciDev) -> int:
    """Entries of a device's MSI-X table, or -EINVAL if it has none."""
    return dev.msix_vectors or -EINVAL


def pci_alloc_irq_vectors(dev: PciDev, min_vecs: int, max_vecs: int, flags: int) -> int:
    """Get a device interrupt vectors: its line, or messages, which are edges; how many, or -ENOSPC (pci/msi/api.c)."""
    count = min(max_vecs, dev.msix_vectors)
    if flags & PCI_IRQ_MSIX and count >= min_vecs:
        dev.vectors = count
        for number in range(count):
            irq = pci_irq_vector(dev, number)
            irq_set_irq_type(dev.machine, irq, IRQ_TYPE_EDGE_RISING)
            desc = dev.machine.irqs.desc(irq)
            desc.chip, desc.hwirq = f"PCI-MSIX-{dev.name}", number
        return count
    if flags & PCI_IRQ_INTX and min_vecs == 1:
        return 1
    return -ENOSPC


def pci_irq_vector(dev: PciDev, number: int) -> int:
    """The interrupt number of a device's vector."""
    return msi_irq(dev.slot, number) if dev.vectors else dev.irq


def msi_irq(slot: int, number: int) -> int:
    """The interrupt number of a message of the device in a slot."""
    return FIRST_MSI_IRQ + slot * _MSI_IRQS + number


def pci_free_irq_vectors(dev: PciDev) -> None:
    """Give a device's vectors back; nobody has handlers on them any more."""
    dev.vectors = 0


def device_release_driver(dev: PciDev) -> None:
    """A driver's remove() is over, and it no longer has the device (drivers/base/dd.c)."""
    if dev.machine.rules is not None:
        dev.machine.rules.dma.unbound(dev)
    dev.driver = ""
