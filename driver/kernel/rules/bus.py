"""What the checker sees of devices: accesses to their registers, and what those mean.

What a register means only its driver's author knows, and writes it down beside the driver: a `DeviceRegisters`. The
checker keeps what follows from it, as the CPUs see it: a write counts from when it is issued, a read from when it is
back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from driver.kernel import cpu
from driver.kernel.net.napi import NO_BUSY_POLL
from driver.kernel.pci import FIRST_IRQ

if TYPE_CHECKING:
    from driver.kernel.cpu import Context
    from driver.kernel.net.napi import Napi
    from driver.kernel.net.netdevice import NetDevice
    from driver.kernel.pci import PciDev
    from driver.kernel.rules.checker import Checker

#: What a read returns when the device does not answer: it is gone.
ALL_ONES = 0xFFFF_FFFF


class Meaning(NamedTuple):
    """What one access does, as bit masks of interrupt causes where not said otherwise.

    Attributes:
        masks: causes that it disables.
        unmasks: causes that it enables.
        acknowledges: causes that it clears.
        status: causes that it shows, those that it clears included; None if it is no read of the cause register.
        rx_tail, tx_tail: the index that it tells the device; None if it is no doorbell.
        rx_dma, tx_dma: whether the device may write packets to memory, or fetch them, from then on; None: as before.
        reset: the device forgets everything: all causes are masked and cleared, and there is no DMA.
    """

    masks: int = 0
    unmasks: int = 0
    acknowledges: int = 0
    status: int | None = None
    rx_tail: int | None = None
    tx_tail: int | None = None
    rx_dma: bool | None = None
    tx_dma: bool | None = None
    reset: bool = False


#: Of an access that the rules have no interest in.
NOTHING = Meaning()


class DeviceRegisters(Protocol):
    """What its driver's author knows of one device. The checker tells it every access, in order.

    Attributes:
        rx_causes: causes that say that a packet was received, or that reception needs attention.
        tx_causes: causes that say that a packet was sent.
        coalesce_ns: so long the device may hold an interrupt back, as it is programmed now.
    """

    rx_causes: int
    tx_causes: int

    @property
    def coalesce_ns(self) -> int:
        """See above."""

    def written(self, offset: int, value: int) -> Meaning:
        """A CPU has written a register."""

    def read(self, offset: int, value: int) -> Meaning:
        """A CPU has read this from a register."""


class Unknown:
    """Registers of a device of which nobody has told the checker anything."""

    rx_causes = tx_causes = coalesce_ns = 0

    def written(self, _offset: int, _value: int) -> Meaning:
        """Nothing."""
        return NOTHING

    def read(self, _offset: int, _value: int) -> Meaning:
        """Nothing."""
        return NOTHING


class Access(NamedTuple):
    """One access to a register.

    Attributes:
        device: to what device.
        offset: of the register.
        value: written, or read.
        write: whether it is a write.
        means: what it does.
        enabled: causes that were enabled before.
        context: what accessed it; None if that is not known.
    """

    device: Device
    offset: int
    value: int
    write: bool
    means: Meaning
    enabled: int
    context: Context | None


class Device:
    """A device as the CPUs see it.

    Attributes:
        slot: its number on the bus.
        registers: what is known of it.
        enabled: causes that are enabled, once all writes issued so far are there.
        rx_dma, tx_dma: whether it may write packets to memory, or fetch them.
        issued: writes so far.
        arrived: so many of them are known to be there: a read that started after them is back.
    """

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.registers: DeviceRegisters = Unknown()
        self.enabled = 0
        self.rx_dma = self.tx_dma = False
        self.issued = self.arrived = 0

    @property
    def irq(self) -> int:
        """Its interrupt line."""
        return FIRST_IRQ + self.slot

    def causes_of(self, napi: Napi) -> int:
        """Causes for which an instance polls: transmit only or not (NO_BUSY_POLL)."""
        return self.registers.tx_causes if napi.state & NO_BUSY_POLL else self.registers.rx_causes

    def apply(self, means: Meaning) -> None:
        """An access had this meaning."""
        if means.reset:
            self.enabled = 0
            self.rx_dma = self.tx_dma = False
        self.enabled = self.enabled & ~means.masks | means.unmasks
        if means.rx_dma is not None:
            self.rx_dma = means.rx_dma
        if means.tx_dma is not None:
            self.tx_dma = means.tx_dma


Listener = Callable[[Access], None]


class Bus:
    """All devices of a machine, and who wants to know of accesses to them.

    Attributes:
        devices: by their number on the bus.
        listeners: called with each access, after the device's state has followed it.
    """

    def __init__(self, checker: Checker) -> None:
        self._machine = checker.machine
        self.devices: dict[int, Device] = {}
        self.listeners: list[Listener] = []
        self._reads: dict[int, tuple[Device, int, int]] = {}  # by tag: device, offset, writes issued before

    def attach(self, pdev: PciDev, registers: DeviceRegisters) -> Device:
        """From now on a device's accesses mean something. Do it before its driver's probe."""
        device = self.device(pdev.slot)
        device.registers = registers
        return device

    def device(self, slot: int) -> Device:
        """The device with this number."""
        found = self.devices.get(slot)
        if found is None:
            found = self.devices[slot] = Device(slot)
        return found

    def device_of(self, dev: NetDevice | None) -> Device | None:
        """The device of an interface; None if its driver did not tell (SET_NETDEV_DEV)."""
        if dev is None or dev.parent is None:
            return None
        return self.device(dev.parent.slot)

    def napis_of(self, device: Device) -> list[Napi]:
        """NAPI instances of a device's interfaces."""
        return [napi for napi in self._machine.napis if self.device_of(napi.dev) is device]

    # --- what the machine tells ------------------------------------------------------------------------------------

    def write(self, slot: int, offset: int, value: int) -> None:
        """A write leaves a CPU."""
        device = self.device(slot)
        device.issued += 1
        means = device.registers.written(offset, value)
        enabled = device.enabled
        device.apply(means)
        running = cpu.running()
        context = running.stack[-1] if running and running.stack else None
        access = Access(device, offset, value, True, means, enabled, context)
        for listener in self.listeners:
            listener(access)

    def read_starts(self, tag: int, slot: int, offset: int) -> None:
        """A CPU stalls on a read."""
        device = self.device(slot)
        self._reads[tag] = (device, offset, device.issued)

    def read_ends(self, tag: int, value: int) -> None:
        """The read is back; the CPU is the one with the tag's number, and its topmost context the one that stalled."""
        started = self._reads.pop(tag, None)
        if started is None:  # before there was a checker
            return
        device, offset, issued = started
        device.arrived = max(device.arrived, issued)
        means = device.registers.read(offset, value)
        enabled = device.enabled
        device.apply(means)
        access = Access(device, offset, value, False, means, enabled, self._machine.cpus[tag].stack[-1])
        for listener in self.listeners:
            listener(access)
