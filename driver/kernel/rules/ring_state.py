"""Rings of descriptors as the checker sees them: where they are, what a descriptor looks like, and whose each is.

Like the meaning of its registers, only the driver's author knows the format, and writes it down beside the driver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from driver.kernel.rules.mapping import PAGE_SHIFT

if TYPE_CHECKING:
    from driver.kernel.pci import PciDev
    from driver.kernel.rules.mapping import Mapping


class DescriptorLayout(NamedTuple):
    """A descriptor's format; offsets in bytes from its start, masks within the byte at that offset.

    Attributes:
        size: bytes.
        address_at: of the buffer's address, 8 bytes, little endian.
        written_at: from here to the end the device writes when it is done.
        status_at: of the byte that says so.
        done: mask of the bits that say so.
        done_value: what they are when it is done.
        eop: mask, in the same byte, of the bit that says that a packet ends here; 0 if each descriptor is a packet.
        own: mask, in the same byte, of the bit by which the CPU gives it to the device; 0 if a tail register does.
        end: mask, in the same byte, of the bit that marks the ring's last descriptor; 0 if there is none.
        no_buffer: offset and mask of a bit that says that there is no buffer; None if there always is.
    """

    size: int
    address_at: int
    written_at: int
    status_at: int
    done: int
    done_value: int
    eop: int = 0
    own: int = 0
    end: int = 0
    no_buffer: tuple[int, int] | None = None


class RingRegisters(Protocol):
    """What its driver's author knows of one ring.

    Attributes:
        layout: of its descriptors.
        receives: a ring for reception; else for transmission.
    """

    layout: DescriptorLayout
    receives: bool

    @property
    def head_at(self) -> int | None:
        """Offset of the register by which the driver says where the device begins; None if there is none."""

    @property
    def base(self) -> int:
        """Address of its first descriptor, as it was written to the device."""

    @property
    def count(self) -> int:
        """Descriptors in it, as they were written to the device; 0 if that has not happened."""

    @property
    def buffer_bytes(self) -> int:
        """So much may the device write into a buffer; 0 if its descriptor says so, or for transmission."""


class Ring:
    """A ring and who has each of its descriptors.

    Attributes:
        dev: its device.
        registers: what is known of it.
        receives, size, written_at, status_at, done, done_value, eop: of it and its layout.
        base, count: as they were when it was last looked at.
        end: address behind its last descriptor.
        pages: numbers of the pages that it lies in.
        tail: index behind the last descriptor that was given to the device.
        stopped: the device's DMA is off: what it has it does not touch.
        given: by slot, whether the device has it: from when it was given until the CPU saw that it is done.
        owned: how many it has.
        mappings: the buffer's mapping by slot, while the device has it.
        in_packet: the last descriptor that was seen done ended no packet.
        where: the ring in words.
    """

    __slots__ = (
        "base",
        "count",
        "dev",
        "done",
        "done_value",
        "end",
        "eop",
        "given",
        "in_packet",
        "mappings",
        "owned",
        "pages",
        "receives",
        "registers",
        "size",
        "status_at",
        "stopped",
        "tail",
        "where",
        "written_at",
    )

    def __init__(self, dev: PciDev, registers: RingRegisters) -> None:
        self.dev = dev
        self.registers = registers
        self.receives = registers.receives
        layout = registers.layout
        self.size, self.written_at, self.status_at = layout.size, layout.written_at, layout.status_at
        self.done, self.done_value, self.eop = layout.done, layout.done_value, layout.eop
        self.base = self.end = self.count = self.tail = self.owned = 0
        self.pages = range(0)
        self.given = bytearray()
        self.mappings: list[Mapping | None] = []
        self.in_packet = False
        self.stopped = True
        self.where = f"{dev.name}: {'receive' if registers.receives else 'transmit'} ring"

    def begin(self, base: int, count: int) -> None:
        """The ring is somewhere else, or of another length: nothing in it is the device's."""
        self.release()
        self.base, self.count, self.tail = base, count, 0
        self.end = end = base + count * self.registers.layout.size
        self.pages = range(base >> PAGE_SHIFT, (end - 1 >> PAGE_SHIFT) + 1) if count else range(0)
        self.given = bytearray(count)
        self.mappings = [None] * count

    def give(self, slot: int, mapping: Mapping | None) -> None:
        """A descriptor is the device's from now on."""
        self.given[slot] = 1
        self.owned += 1
        self.mappings[slot] = mapping
        if mapping is not None:
            mapping.ring = self

    def take(self, slot: int) -> Mapping | None:
        """A descriptor is the CPU's again; returns its buffer's mapping."""
        self.given[slot] = 0
        self.owned -= 1
        mapping = self.mappings[slot]
        self.mappings[slot] = None
        if mapping is not None:
            mapping.ring = None
        return mapping

    def release(self) -> None:
        """The device has no descriptor any more."""
        for slot in range(self.count):
            if self.given[slot]:
                self.take(slot)
        self.in_packet = False
