"""What memory is mapped for devices, by page: what the rules for the DMA API and for memory look things up in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from driver.kernel.dma import CACHE_LINE_BYTES, PAGE_SIZE, DmaDirection

if TYPE_CHECKING:
    from driver.kernel.pci import PciDev
    from driver.kernel.rules.ring_state import Ring

BEYOND = "beyond"

PAGE_SHIFT = PAGE_SIZE.bit_length() - 1
_LINE = -CACHE_LINE_BYTES  # mask of a cache line's address


class Mapping:
    """Memory that a device may use (struct dma_debug_entry).

    Attributes:
        dma, end: its first address, and the one behind it.
        size: bytes.
        kind: what Linux calls it: "phy" for dma_map_single and dma_map_page, "coherent". And what no device may use:
            BEYOND, the rest of the last page of coherent memory.
        checked: dma_mapping_error was asked.
        cpu_from, cpu_end: the part of a streaming mapping that is the CPU's, by a sync.
        dirty: the CPU wrote to that part.
        ring: the one in which a descriptor of the device's points to it.
    """

    __slots__ = ("checked", "cpu_end", "cpu_from", "dev", "direction", "dirty", "dma", "end", "kind", "ring", "size")

    def __init__(self, dev: PciDev, dma: int, size: int, direction: DmaDirection, kind: str = "phy") -> None:
        self.dev = dev
        self.dma = dma
        self.size = size
        self.end = dma + size
        self.direction = direction
        self.kind = kind
        self.checked = self.dirty = False
        self.cpu_from = self.cpu_end = 0
        self.ring: Ring | None = None

    def synced(self, dma: int, size: int, *, for_cpu: bool) -> None:
        """A part was synced; one that joins another for the CPU makes it larger."""
        if not for_cpu:
            self.cpu_from = self.cpu_end = 0
            self.dirty = False
        elif self.cpu_from <= dma <= self.cpu_end:
            self.cpu_end = max(self.cpu_end, dma + size)
        else:
            self.cpu_from, self.cpu_end = dma, dma + size


class MappingTable:
    """All mappings of a machine.

    Attributes:
        pages: those that lie in a page, by its number, oldest first; a page without any may have an empty list.
    """

    def __init__(self) -> None:
        self.pages: dict[int, list[Mapping]] = {}

    def at(self, address: int) -> Sequence[Mapping]:
        """Mappings in the page of an address."""
        return self.pages.get(address >> PAGE_SHIFT, ())

    def of(self, dev: PciDev) -> list[Mapping]:
        """Mappings of a device, by address."""
        found = dict.fromkeys(mapping for number in sorted(self.pages) for mapping in self.pages[number])
        return [mapping for mapping in found if mapping.dev is dev and mapping.kind is not BEYOND]

    def add(self, mapping: Mapping) -> Mapping | None:
        """Note a mapping; returns another that has a cache line in common with it, if there is one."""
        clash = None
        first, last = mapping.dma & _LINE, mapping.end - 1 & _LINE
        for number in range(mapping.dma >> PAGE_SHIFT, (mapping.end - 1 >> PAGE_SHIFT) + 1):
            others = self.pages.get(number)
            if others is None:
                self.pages[number] = [mapping]
                continue
            for other in others:
                if other.dma & _LINE <= last and other.end - 1 & _LINE >= first:
                    clash = other
            others.append(mapping)
        return clash

    def remove(self, mapping: Mapping) -> None:
        """A mapping is undone."""
        for number in range(mapping.dma >> PAGE_SHIFT, (mapping.end - 1 >> PAGE_SHIFT) + 1):
            self.pages[number].remove(mapping)
