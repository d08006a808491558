"""Memory allocators and the DMA API."""

from itertools import pairwise

import pytest

from driver.kernel.dma import (
    PAGE_SIZE,
    DmaDirection,
    dma_alloc_coherent,
    dma_free_coherent,
    dma_map_single,
    dma_unmap_single,
)
from driver.kernel.pci import PciDev
from tests.kernel.support import Computer


def test_coherent_memory_is_zeroed_page_aligned_and_reused() -> None:
    computer = Computer()
    pdev = PciDev(computer.machine, 0)
    computer.machine.memory.write(0, b"\xff" * PAGE_SIZE * 4)
    memory = dma_alloc_coherent(pdev, 100)
    assert memory is not None
    assert memory.dma % PAGE_SIZE == 0
    assert memory.read(0, 100) == bytes(100)
    dma_free_coherent(pdev, memory)
    again = dma_alloc_coherent(pdev, 100)
    assert again is not None
    assert again.dma == memory.dma


def test_memory_runs_out() -> None:
    computer = Computer()
    pdev = PciDev(computer.machine, 0)
    assert dma_alloc_coherent(pdev, computer.machine.memory.size) is None


def test_buffers_do_not_overlap_and_come_back() -> None:
    frags = Computer().machine.frags
    buffers = []
    while buffer := frags.alloc():
        buffers.append(buffer)
    assert len(set(buffers)) == len(buffers) == frags.in_use
    assert all(later - earlier >= frags.SIZE for earlier, later in pairwise(buffers))
    for buffer in buffers:
        frags.free(buffer)
    assert frags.in_use == 0
    assert frags.alloc()


@pytest.mark.parametrize(("size", "direction"), [(1024, DmaDirection.FROM_DEVICE), (2048, DmaDirection.TO_DEVICE)])
def test_unmapping_what_was_not_mapped_so_is_an_error(size: int, direction: DmaDirection) -> None:
    pdev = PciDev(Computer().machine, 0)
    dma = dma_map_single(pdev, 0x1000, 2048, DmaDirection.FROM_DEVICE)
    with pytest.raises(ValueError, match="has not mapped so"):
        dma_unmap_single(pdev, dma, size, direction)
