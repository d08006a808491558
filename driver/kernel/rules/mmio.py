"""Rules 35 and 36: accesses to registers: posted writes that must be there, and a device that is off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel import cpu
from driver.kernel.pci import FIRST_IRQ
from driver.kernel.rules.rule import Level, Rule

if TYPE_CHECKING:
    from driver.kernel.cpu import Context
    from driver.kernel.pci import PciDev
    from driver.kernel.rules.bus import Access, Device
    from driver.kernel.rules.checker import Checker

MMIO_NOT_FLUSHED = Rule(
    name="mmio-not-flushed",
    invariant=35,
    level=Level.ERROR,
    demands="a write that masks interrupts or stops DMA is read back before the driver sleeps or waits for handlers",
    mend="Read any register of the device after the write, as E1000_WRITE_FLUSH does: writes are posted.",
    source="Documentation/driver-api/device-io.rst",
)

MMIO_WHILE_OFF = Rule(
    name="mmio-while-off",
    invariant=36,
    level=Level.ERROR,
    demands="registers are accessed after pci_enable_device and before pci_disable_device",
    mend="Enable the device first in probe(), and stop timers, work and interrupts before you disable it.",
    source="Documentation/PCI/pci.rst",
)


class MmioRules:
    """What drivers do with registers, whatever they mean."""

    def __init__(self, checker: Checker) -> None:
        self._broken = checker.broken
        self._bus = checker.bus
        self._quieting: dict[Device, tuple[int, Context | None]] = {}  # the last write that is to quiet it, and whose
        self._off: dict[int, PciDev] = {}  # by number on the bus
        checker.bus.listeners.append(self._access)

    def _access(self, access: Access) -> None:
        """A register was read or written."""
        means = access.means
        if access.write and not means.reset and (means.masks or means.rx_dma is False or means.tx_dma is False):
            self._quieting[access.device] = (access.device.issued, access.context)

    def waits(self, irq: int | None = None) -> None:
        """The task is about to sleep, or to wait until no handler of an interrupt line runs."""
        if not self._quieting:
            return
        running = cpu.running()
        context = running.stack[-1] if running is not None and running.stack else None
        for device, (number, writer) in list(self._quieting.items()):
            if number <= device.arrived:
                del self._quieting[device]
            elif irq is None and writer is context:
                self._say(device, "the driver sleeps")
            elif irq == FIRST_IRQ + device.slot:
                self._say(device, f"the driver waits for the handlers of IRQ {irq}")

    def _say(self, device: Device, what: str) -> None:
        del self._quieting[device]
        unread = f"{device.issued - device.arrived} writes to device {device.slot} may still be on their way"
        self._broken(MMIO_NOT_FLUSHED, f"{what}, and {unread}")

    # --- power --------------------------------------------------------------------------------------------------------

    def enabled(self, dev: PciDev, *, enabled: bool) -> None:
        """pci_enable_device and pci_disable_device; and a device that a checker gets to know."""
        if enabled:
            self._off.pop(dev.slot, None)
        else:
            self._off[dev.slot] = dev

    def accessed(self, slot: int, offset: int, verb: str) -> None:
        """A register is about to be read or written."""
        dev = self._off.get(slot)
        if dev is not None:
            self._broken(MMIO_WHILE_OFF, f"{dev.name}: the register at {offset:#07x} is {verb}, and the device is off")
