"""Host memory, its allocators, and the DMA API (kernel/dma/mapping.c, Documentation/core-api/dma-api.rst).

The device sees physical addresses: there is no IOMMU.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from driver.kernel.cpu import running, spend, this_cpu

if TYPE_CHECKING:
    from driver.kernel.pci import PciDev

PAGE_SIZE = 4096

#: Bytes of a cache line: the smallest part of memory that can be the device's or the CPU's alone (L1_CACHE_BYTES).
CACHE_LINE_BYTES = 64

#: What a mapping that fails returns (include/linux/dma-mapping.h); dma_mapping_error() tells.
DMA_MAPPING_ERROR = (1 << 64) - 1


class HostMemory(Protocol):
    """Physical memory, as the engine holds it; access takes no simulated time."""

    size: int  #: bytes

    def read(self, address: int, length: int) -> bytes:
        """Bytes at an address."""

    def write(self, address: int, data: bytes) -> None:
        """Put bytes at an address; visible to DMA and to read() at once."""


class DmaDirection(enum.Enum):
    """Who writes a mapping (enum dma_data_direction)."""

    BIDIRECTIONAL = 0
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


def dma_set_mask_and_coherent(dev: PciDev, mask: int) -> int:
    """Tell which addresses the device can use: those up to ``mask``. 0, always: no bus here is narrower than that."""
    dev.dma_mask = mask
    return 0


def dma_capable(dev: PciDev, address: int, size: int) -> bool:
    """Whether a device can use memory there (include/linux/dma-direct.h)."""
    return address + size - 1 <= dev.dma_mask


def dma_alloc_coherent(dev: PciDev, size: int) -> CoherentMemory | None:
    """Zeroed coherent memory, page aligned; None if there is none left."""
    machine = dev.machine
    if machine.rules is not None:
        machine.rules.lifetime.coherent_allocated()
    address = machine.pages.alloc(size)
    if not address:
        return None
    memory = CoherentMemory(address, size, machine.memory)
    memory.write(0, bytes(size))
    if machine.rules is not None:
        machine.rules.dma.allocated(dev, memory)
    return memory


def dma_free_coherent(dev: PciDev, memory: CoherentMemory) -> None:
    """Give coherent memory back."""
    machine = dev.machine
    if machine.rules is not None:
        machine.rules.lifetime.coherent_freed()
        machine.rules.dma.freed(dev, memory)
    machine.pages.free(memory.dma, memory.size)


# --- streaming mappings -----------------------------------------------------------------------------------------------


def dma_map_single(dev: PciDev, address: int, size: int, direction: DmaDirection) -> int:
    """Hand a buffer to the device: the CPU must not touch it until it is unmapped or synced.

    Returns:
        Its DMA address, or DMA_MAPPING_ERROR: the device cannot use memory there.
    """
    rules = dev.machine.rules
    if rules is not None:
        if not rules.dma.mapped(dev, address, size, direction):
            return DMA_MAPPING_ERROR
    elif not dma_capable(dev, address, size):
        return DMA_MAPPING_ERROR
    dev.mappings[address] = (size, direction)
    return address


def dma_map_page(dev: PciDev, page: int, offset: int, size: int, direction: DmaDirection) -> int:
    """dma_map_single of a part of a page, or of several pages in a row; ``page`` is the address of the first."""
    return dma_map_single(dev, page + offset, size, direction)


def dma_mapping_error(dev: PciDev, dma: int) -> bool:
    """Whether a mapping failed; to be asked after each dma_map_single and dma_map_page."""
    rules = dev.machine.rules
    if rules is not None:
        rules.dma.error_checked(dev, dma)
    return dma == DMA_MAPPING_ERROR


def dma_unmap_single(dev: PciDev, dma: int, size: int, direction: DmaDirection) -> None:
    """Take a buffer back from the device. Size and direction must be those that it was mapped with."""
    rules = dev.machine.rules
    if rules is not None:
        rules.dma.unmapped(dev, dma, size, direction)
    dev.mappings.pop(dma, None)


def dma_unmap_page(dev: PciDev, dma: int, size: int, direction: DmaDirection) -> None:
    """dma_unmap_single of what dma_map_page returned."""
    dma_unmap_single(dev, dma, size, direction)


def dma_sync_single_for_cpu(dev: PciDev, dma: int, size: int, direction: DmaDirection) -> None:
    """Let the CPU look at a mapped buffer, or its first ``size`` bytes: it sees what the device has written."""
    rules = dev.machine.rules
    if rules is not None:
        rules.dma.synced(dev, dma, size, direction, for_cpu=True)


def dma_sync_single_for_device(dev: PciDev, dma: int, size: int, direction: DmaDirection) -> None:
    """Give a mapped buffer, or its first ``size`` bytes, back to the device: it sees what the CPU has written."""
    rules = dev.machine.rules
    if rules is not None:
        rules.dma.synced(dev, dma, size, direction, for_cpu=False)


def dma_sync_single_range_for_cpu(dev: PciDev, dma: int, offset: int, size: int, direction: DmaDirection) -> None:
    """dma_sync_single_for_cpu of a part of a mapped buffer."""
    dma_sync_single_for_cpu(dev, dma + offset, size, direction)


def dma_sync_single_range_for_device(dev: PciDev, dma: int, offset: int, size: int, direction: DmaDirection) -> None:
    """dma_sync_single_for_device of a part of a mapped buffer."""
    dma_sync_single_for_device(dev, dma + offset, size, direction)


# --- barriers: the model's CPUs do everything in order; the calls mark where hardware needs them ----------------------


def dma_rmb() -> None:
    """Order reads of coherent memory: what follows is read after what came before."""
    cpu = running()
    if cpu is not None and cpu.machine.rules is not None:
        cpu.machine.rules.rings.read_barrier()


def dma_wmb() -> None:
    """Order writes of coherent memory, as devices see them."""
    cpu = running()
    if cpu is not None and cpu.machine.rules is not None:
        cpu.machine.rules.rings.write_barrier(mmio=False)


def wmb() -> None:
    """Order all writes: of coherent memory, and of registers by writel_relaxed."""
    cpu = running()
    if cpu is not None and cpu.machine.rules is not None:
        cpu.machine.rules.rings.write_barrier(mmio=True)


async def smp_mb() -> None:
    """Order all memory accesses before it against all after it, as seen by other CPUs and interrupts."""
    await spend(this_cpu().machine.costs.smp_mb)
