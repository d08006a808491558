"""Rules 26 and 43: who may touch a buffer that is mapped (Documentation/core-api/dma-api-howto.rst)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel.dma import PAGE_SIZE, DmaDirection, HostMemory
from driver.kernel.rules.mapping import BEYOND, COHERENT, PAGE_SHIFT, PHY, Mapping, MappingTable
from driver.kernel.rules.rings import RING_WRAP
from driver.kernel.rules.rule import Level, Rule

if TYPE_CHECKING:
    from driver.kernel.rules.checker import Checker

_SOURCE = "Documentation/core-api/dma-api-howto.rst"
_TO_DEVICE = DmaDirection.TO_DEVICE
_IN_PAGE = PAGE_SIZE - 1

DMA_BUFFER_WRITTEN = Rule(
    name="dma-buffer-written",
    invariant=26,
    level=Level.ERROR,
    demands="a buffer that the device writes to is not written by the CPU between map and unmap or sync",
    mend="Write before you map, or after dma_unmap_* or dma_sync_single_for_cpu, and then sync it for the device.",
    source=_SOURCE,
)

DMA_NO_SYNC_FOR_CPU = Rule(
    name="dma-no-sync-for-cpu",
    invariant=43,
    level=Level.ERROR,
    demands="what the device wrote into a mapped buffer is read after dma_sync_single_for_cpu or dma_unmap_*",
    mend="Sync the bytes that you read for the CPU, or unmap the buffer, before you look at the packet.",
    source=_SOURCE,
)

DMA_WRITTEN_AFTER_MAP = Rule(
    name="dma-written-after-map",
    invariant=43,
    level=Level.ERROR,
    demands="a buffer to send is not written between its mapping and its completion",
    mend="Change the packet before you map it, or sync it for the device before you hand the descriptor over.",
    source=_SOURCE,
)


class CheckedMemory:
    """Host memory as the CPUs use it, with an eye on what is mapped; devices have their own way to it."""

    def __init__(self, checker: Checker, memory: HostMemory, table: MappingTable) -> None:
        self.size = memory.size
        self.unchecked = memory
        self._broken = checker.broken
        self._rings = checker.rings
        self._pages = table.pages

    def read(self, address: int, length: int) -> bytes:
        """Bytes at an address."""
        data = self.unchecked.read(address, length)
        rings = self._rings
        if rings.unfenced:
            rings.payload_read(address, length)
        end = address + length
        for mapping in self._pages.get(address >> PAGE_SHIFT, ()):
            if mapping.active and mapping.dma < end and address < mapping.end:
                if mapping.kind is COHERENT:
                    rings.read(address, data)
                else:
                    self._reads(mapping, address, length)
        if (address & _IN_PAGE) + length > PAGE_SIZE:
            for mapping in self._beyond(address, length):
                self._reads(mapping, address, length)
        return data

    def write(self, address: int, data: bytes) -> None:
        """Put bytes at an address."""
        end = address + len(data)
        for mapping in self._pages.get(address >> PAGE_SHIFT, ()):
            if mapping.active and mapping.dma < end and address < mapping.end:
                self._writes(mapping, address, data)
        if (address & _IN_PAGE) + len(data) > PAGE_SIZE:
            for mapping in self._beyond(address, len(data)):
                self._writes(mapping, address, data)
        self.unchecked.write(address, data)

    def _beyond(self, address: int, length: int) -> list[Mapping]:
        """Mappings that an access reaches, which do not lie in its first page."""
        first = address >> PAGE_SHIFT
        found: dict[Mapping, None] = {}
        for page in range(first + 1, (address + length - 1 >> PAGE_SHIFT) + 1):
            for mapping in self._pages.get(page, ()):
                if mapping.active and mapping.dma >> PAGE_SHIFT > first and mapping.dma < address + length:
                    found[mapping] = None
        return list(found)

    def _reads(self, mapping: Mapping, address: int, length: int) -> None:
        """The CPU reads where a device may write."""
        if mapping.kind is BEYOND:
            self._beyond_the_end(mapping, address)
        elif mapping.kind is PHY and mapping.direction is not _TO_DEVICE and not _is_cpus(mapping, address, length):
            self._broken(
                DMA_NO_SYNC_FOR_CPU,
                f"{mapping.dev.name}: the CPU reads {length} bytes at {address:#x}, in a buffer of {mapping.size} "
                f"bytes that is mapped {mapping.direction.name}; {_synced(mapping)}",
            )

    def _writes(self, mapping: Mapping, address: int, data: bytes) -> None:
        """The CPU writes where a device reads or writes."""
        if mapping.kind is BEYOND:
            self._beyond_the_end(mapping, address)
        elif mapping.kind is COHERENT:
            self._rings.write(address, data)
        elif _is_cpus(mapping, address, len(data)):
            mapping.dirty = True
        else:
            self._broken(
                DMA_WRITTEN_AFTER_MAP if mapping.direction is _TO_DEVICE else DMA_BUFFER_WRITTEN,
                f"{mapping.dev.name}: the CPU writes {len(data)} bytes at {address:#x}, in a buffer of {mapping.size} "
                f"bytes that is mapped {mapping.direction.name}; {_synced(mapping)}",
            )

    def _beyond_the_end(self, mapping: Mapping, address: int) -> None:
        what = f"{mapping.dev.name}: coherent memory is used {address - mapping.dma} bytes behind its end"
        self._broken(RING_WRAP, what)


def _is_cpus(mapping: Mapping, address: int, length: int) -> bool:
    """Whether what an access touches of a mapping was synced for the CPU."""
    return mapping.cpu_from <= max(address, mapping.dma) and min(address + length, mapping.end) <= mapping.cpu_end


def _synced(mapping: Mapping) -> str:
    """What of a mapping is the CPU's, in words."""
    size = mapping.cpu_end - mapping.cpu_from
    return f"{size} bytes from {mapping.cpu_from:#x} on are synced for the CPU" if size else "it is not synced"
