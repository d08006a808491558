"""A small NIC that plays in front of a Computer, and what the checker knows of it."""

from __future__ import annotations

from driver.kernel.dma import HostMemory
from driver.kernel.machine import MmioRead, MmioWrite
from driver.kernel.pci import PciDev
from driver.kernel.rules.bus import ALL_ONES, NOTHING, Meaning
from driver.kernel.rules.checker import Checker
from driver.kernel.rules.ring_state import DescriptorLayout
from tests.kernel.support import Computer

# Registers.
CAUSE = 0x00  #: a read returns the latched causes and clears them
STATUS = 0x04  #: a read returns the latched causes
ACK = 0x08  #: a write clears causes
UNMASK = 0x0C  #: a write enables causes
MASK = 0x10  #: a write disables causes
TAIL = 0x14  #: the first receive descriptor that is not the device's
RING = 0x18  #: address of the receive ring
ENABLE = 0x1C  #: 1: the receiver is on

# Causes.
RX, TX, LINK = 1, 2, 4

#: The ring: so many descriptors. The first byte of each is DONE when the device has finished with it; the second
#: says that there is no buffer, for the packets are empty.
COUNT, DESCRIPTOR_BYTES = 8, 16
DONE, NO_BUFFER = 1, 0x80


class NicComputer(Computer):
    """A computer with one NIC.

    Attributes:
        gone: reads return all ones.
    """

    def __init__(self, *, cpus: int = 1) -> None:
        self.gone = False
        self._latched = self._mask = self._ring = self._head = 0
        self._level = False
        super().__init__(
            cpus=cpus,
            mmio_write=10,
            mmio_request=100,
            mmio_completion=100,
            irq_entry=50,
            irq_exit=20,
            softirq=30,
            napi_poll=50,
        )

    def cause(self, causes: int) -> None:
        """Something happens in the device."""
        self._latched |= causes
        self._drive()

    def receive(self) -> None:
        """A packet comes in."""
        address = self._ring + self._head % COUNT * DESCRIPTOR_BYTES
        self.ram.write(address, b"\1")
        self._head += 1
        self.cause(RX)

    @property
    def ram(self) -> HostMemory:
        """Memory as a device sees it."""
        rules = self.machine.rules
        return rules.memory if rules is not None else self.machine.memory

    def _start(self, request: MmioRead | MmioWrite) -> None:
        arrives = self.machine.now + self.machine.costs.mmio_request
        if isinstance(request, MmioWrite):
            self.at(arrives, lambda: self._write(request.offset, request.value))
        else:
            self.at(arrives, lambda: self._read(request))

    def _read(self, request: MmioRead) -> None:
        value = self._latched if request.offset in (CAUSE, STATUS) else 0
        if self.gone:
            value = ALL_ONES
        elif request.offset == CAUSE:
            self._latched = 0
            self._drive()
        self._later(lambda: self.machine.complete_read(request.tag, value))

    def _write(self, offset: int, value: int) -> None:
        if offset == ACK:
            self._latched &= ~value
        elif offset == UNMASK:
            self._mask |= value
        elif offset == MASK:
            self._mask &= ~value
        elif offset == RING:
            self._ring = value
        self._drive()

    def _drive(self) -> None:
        level = bool(self._latched & self._mask)
        if level != self._level:
            self._level = level
            self._later(lambda: self.machine.set_irq_level(0, level=level))

    def _later(self, happens: object) -> None:
        self.at(self.machine.now + self.machine.costs.mmio_completion, happens)  # type: ignore[arg-type]


class SmallNicRegisters:
    """DeviceRegisters of the NIC.

    Attributes:
        ring: address of its ring.
    """

    rx_causes = RX
    tx_causes = TX
    coalesce_ns = 0

    def __init__(self) -> None:
        self.ring = 0

    def written(self, offset: int, value: int) -> Meaning:
        if offset == RING:
            self.ring = value
        if offset == TAIL:
            return Meaning(rx_tail=value)
        if offset == ENABLE:
            return Meaning(rx_dma=bool(value))
        if offset == ACK:
            return Meaning(acknowledges=value)
        if offset == UNMASK:
            return Meaning(unmasks=value)
        return Meaning(masks=value) if offset == MASK else NOTHING

    def read(self, offset: int, value: int) -> Meaning:
        if offset == CAUSE:
            return Meaning(acknowledges=RX | TX | LINK, status=value)
        return Meaning(status=value) if offset == STATUS else NOTHING


class SmallRing:
    """RingRegisters of the NIC."""

    layout = DescriptorLayout(
        size=DESCRIPTOR_BYTES,
        address_at=8,
        written_at=0,
        status_at=0,
        done=DONE,
        done_value=DONE,
        no_buffer=(1, NO_BUFFER),
    )
    receives = True
    head_at = None
    buffer_bytes = 0

    def __init__(self, registers: SmallNicRegisters) -> None:
        self._registers = registers

    @property
    def base(self) -> int:
        return self._registers.ring

    @property
    def count(self) -> int:
        return COUNT if self._registers.ring else 0


def observe(checker: Checker, pdev: PciDev) -> None:
    """Tell a checker all about the NIC."""
    registers = SmallNicRegisters()
    checker.bus.attach(pdev, registers)
    checker.rings.attach(pdev, SmallRing(registers))
