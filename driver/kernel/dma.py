"""Host memory, its allocators, and the DMA API (kernel/dma/mapping.c, Documentation/core-api/dma-api.rst).

The device sees physical addresses: there is no IOMMU.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from driver.kernel.cpu import spend, this_cpu

if TYPE_CHECKING:
    from driver.kernel.pci import PciDev

PAGE_SIZE = 4096

#: What an allocation that fails returns; address 0 is never given out.
DMA_MAPPING_ERROR = 0


class HostMemory(Protocol):
    """Physical memory, as the engine holds it; access takes no simulated time."""

    size: int  #: bytes

    def read(self, address: int, length: int) -> bytes:
        """Bytes at an address."""

    def write(self, address: int, data: bytes) -> None:
        """Put bytes at an address; visible to DMA and to read() at once."""


class DmaDirection(enum.Enum):
    """Who writes a mapping (enum dma_data_direction)."""

    TO_DEVICE = 1
    FROM_DEVICE = 2


class PageAllocator:
    """Hands out contiguous pages of host memory (alloc_pages_exact)."""

    def __init__(self, memory: HostMemory) -> None:
        self.size = memory.size
        self._next = PAGE_SIZE
        self._free: dict[int, list[int]] = {}  # size: addresses

    def alloc(self, size: int) -> int:
        """Address of so many bytes, page aligned; 0 if there is no memory left."""
        size = -(-size // PAGE_SIZE) * PAGE_SIZE
        if self._free.get(size):
            return self._free[size].pop()
        if self._next + size > self.size:
            return 0
        address, self._next = self._next, self._next + size
        return address

    def free(self, address: int, size: int) -> None:
        """Give the bytes back."""
        size = -(-size // PAGE_SIZE) * PAGE_SIZE
        self._free.setdefault(size, []).append(address)


class FragAllocator:
    """Hands out packet buffers, halves of a page each (netdev_alloc_frag)."""

    SIZE = 2048  #: bytes of a buffer

    def __init__(self, pages: PageAllocator) -> None:
        self._pages = pages
        self._free: list[int] = []
        self._made = 0

    @property
    def in_use(self) -> int:
        """Buffers that have an owner."""
        return self._made - len(self._free)

    def alloc(self) -> int:
        """Address of a buffer; 0 if there is no memory left."""
        if not self._free:
            page = self._pages.alloc(PAGE_SIZE)
            if not page:
                return 0
            self._free.extend(range(page + PAGE_SIZE - self.SIZE, page - 1, -self.SIZE))
            self._made += PAGE_SIZE // self.SIZE
        return self._free.pop()

    def free(self, address: int) -> None:
        """Give a buffer back."""
        self._free.append(address)


@dataclass(frozen=True, slots=True)
class CoherentMemory:
    """Memory that CPU and device share without mapping calls (dma_alloc_coherent).

    Attributes:
        dma: address as the device sees it; the CPU's is the same.
        size: bytes.
        memory: where it is.
    """

    dma: int
    size: int
    memory: HostMemory

    def read(self, offset: int, length: int) -> bytes:
        """Bytes at an offset."""
        return self.memory.read(self.dma + offset, length)

    def write(self, offset: int, data: bytes) -> None:
        """Put bytes at an offset."""
        self.memory.write(self.dma + offset, data)


def dma_alloc_coherent(dev: PciDev, size: int) -> CoherentMemory | None:
    """Zeroed coherent memory, page aligned; None if there is none left."""
    if dev.machine.rules is not None:
        dev.machine.rules.lifetime.coherent_allocated()
    address = dev.machine.pages.alloc(size)
    if not address:
        return None
    memory = CoherentMemory(address, size, dev.machine.memory)
    memory.write(0, bytes(size))
    return memory


def dma_free_coherent(dev: PciDev, memory: CoherentMemory) -> None:
    """Give coherent memory back."""
    if dev.machine.rules is not None:
        dev.machine.rules.lifetime.coherent_freed()
    dev.machine.pages.free(memory.dma, memory.size)


def dma_map_single(dev: PciDev, address: int, size: int, direction: DmaDirection) -> int:
    """Hand a buffer to the device; returns its DMA address."""
    dev.mappings[address] = (size, direction)
    return address


def dma_unmap_single(dev: PciDev, dma: int, size: int, direction: DmaDirection) -> None:
    """Take a buffer back from the device.

    Raises:
        ValueError: it was not mapped so (CONFIG_DMA_API_DEBUG).
    """
    if dev.mappings.pop(dma, None) != (size, direction):
        raise ValueError(
            f"{dev.name}: device driver frees DMA memory it has not mapped so: "
            f"[device address={dma:#018x}] [size={size} bytes] [{direction.name}]"
        )


def dma_rmb() -> None:
    """Order reads of coherent memory. The model's CPUs read in order; the call marks where hardware needs it."""


def dma_wmb() -> None:
    """Order writes of coherent memory. The model's CPUs write in order; the call marks where hardware needs it."""


async def smp_mb() -> None:
    """Order all memory accesses before it against all after it, as seen by other CPUs and interrupts."""
    await spend(this_cpu().machine.costs.smp_mb)
