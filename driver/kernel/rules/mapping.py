"""What memory is mapped for devices: what the rules for the DMA API and for memory look things up in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel.dma import CACHE_LINE_BYTES, PAGE_SIZE, DmaDirection

if TYPE_CHECKING:
    from driver.kernel.pci import PciDev
    from driver.kernel.rules.ring_state import Ring

PAGE_SHIFT = PAGE_SIZE.bit_length() - 1
_LINE = -CACHE_LINE_BYTES  # mask of a cache line's address

#: What Linux calls a mapping of dma_map_single or dma_map_page, and of dma_alloc_coherent.
PHY, COHERENT = "phy", "coherent"

#: What no device may use: the rest of the last page of coherent memory.
BEYOND = "beyond"


class Mapping:
    """Memory that a device may use (struct dma_debug_entry).

    Attributes:
        active: it is mapped. The object outlives that: most buffers are mapped again and again.
        dma, end: its first address, and the one behind it.
        size: bytes.
        kind: PHY, COHERENT or BEYOND.
        checked: dma_mapping_error was asked.
        cpu_from, cpu_end: the part of a streaming mapping that is the CPU's, by a sync.
        dirty: the CPU wrote to that part.
        ring: the one in which a descriptor of the device's points to it.
        overlaps: others that have a cache line in common with it, active or not.
        below: another that begins at the same address.
    """

    __slots__ = (
        "active",
        "below",
        "checked",
        "cpu_end",
        "cpu_from",
        "dev",
        "direction",
        "dirty",
        "dma",
        "end",
        "kind",
        "overlaps",
        "ring",
        "size",
    )

    def __init__(self, dev: PciDev, dma: int, size: int, direction: DmaDirection, kind: str) -> None:
        self.dev = dev
        self.dma = dma
        self.size = size
        self.end = dma + size
        self.direction = direction
        self.kind = kind
        self.active = True
        self.checked = self.dirty = False
        self.cpu_from = self.cpu_end = 0
        self.ring: Ring | None = None
        self.overlaps: list[Mapping] = []
        self.below: Mapping | None = None

    def synced(self, dma: int, size: int, *, for_cpu: bool) -> None:
        """A part was synced; one that joins another for the CPU makes it larger."""
        if not for_cpu:
            self.cpu_from = self.cpu_end = 0
            self.dirty = False
        elif self.cpu_from <= dma <= self.cpu_end:
            self.cpu_end = max(self.cpu_end, dma + size)
        else:
            self.cpu_from, self.cpu_end = dma, dma + size

    @property
    def pages(self) -> range:
        """Numbers of the pages that it lies in."""
        return range(self.dma >> PAGE_SHIFT, (self.end - 1 >> PAGE_SHIFT) + 1)


class MappingTable:
    """All mappings of a machine.

    Attributes:
        first: the newest of those that begin at an address, active or not.
        pages: those that lie in a page, by its number, active or not.
    """

    def __init__(self) -> None:
        self.first: dict[int, Mapping] = {}
        self.pages: dict[int, list[Mapping]] = {}

    def at(self, address: int, dev: PciDev) -> Mapping | None:
        """A device's mapping that an address lies in."""
        for mapping in self.pages.get(address >> PAGE_SHIFT, ()):
            if mapping.active and mapping.dma <= address < mapping.end and mapping.dev is dev:
                return mapping
        return None

    def of(self, dev: PciDev) -> list[Mapping]:
        """A device's mappings, by address."""
        found = []
        for dma in sorted(self.first):
            mapping: Mapping | None = self.first[dma]
            while mapping is not None:
                if mapping.active and mapping.dev is dev and mapping.kind is not BEYOND:
                    found.append(mapping)
                mapping = mapping.below
        return found

    def add(self, dev: PciDev, dma: int, size: int, direction: DmaDirection, kind: str = PHY) -> Mapping:
        """Memory is mapped."""
        mapping = self.first.get(dma)
        if mapping is not None and not mapping.active:
            if (
                mapping.size == size
                and mapping.direction is direction
                and mapping.dev is dev
                and mapping.kind is kind
                and mapping.below is None
            ):
                mapping.active = True
                mapping.checked = mapping.dirty = False
                mapping.cpu_from = mapping.cpu_end = 0
                return mapping
            self._drop(mapping)
        return self._insert(Mapping(dev, dma, size, direction, kind))

    def remove(self, mapping: Mapping) -> None:
        """It is not mapped any more."""
        mapping.active = False
        if mapping.below is not None or self.first[mapping.dma] is not mapping:
            self._drop(mapping)

    def _insert(self, mapping: Mapping) -> Mapping:
        first, last = mapping.dma & _LINE, mapping.end - 1 & _LINE
        for page in mapping.pages:
            others = self.pages.setdefault(page, [])
            for other in others:
                if other.dma & _LINE <= last and other.end - 1 & _LINE >= first and other not in mapping.overlaps:
                    mapping.overlaps.append(other)
                    other.overlaps.append(mapping)
            others.append(mapping)
        mapping.below = self.first.get(mapping.dma)
        self.first[mapping.dma] = mapping
        return mapping

    def _drop(self, mapping: Mapping) -> None:
        """Forget a mapping that is not active."""
        for page in mapping.pages:
            self.pages[page].remove(mapping)
        for other in mapping.overlaps:
            other.overlaps.remove(mapping)
        above = self.first[mapping.dma]
        if above is mapping:
            del self.first[mapping.dma]
            if mapping.below is not None:
                self.first[mapping.dma] = mapping.below
            return
        while above.below is not mapping:
            assert above.below is not None
            above = above.below
        above.below = mapping.below
