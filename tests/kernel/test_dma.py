"""Memory allocators and the DMA API."""

from itertools import pairwise

import pytest

from driver.kernel.dma import (
    PAGE_SIZE,
    DmaDirection,
    dma_alloc_coherent,
    dma_free_coherent,
    dma_map_page,
    dma_map_single,
    dma_mapping_error,
    dma_set_mask_and_coherent,
    dma_unmap_page,
    dma_unmap_single,
)
from driver.kernel.pci import PciDev
from driver.kernel.rules.checker import Checker
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


def test_mappings_are_known_while_they_last() -> None:
    pdev = PciDev(Computer().machine, 0)
    dma = dma_map_single(pdev, 0x1000, 2048, DmaDirection.FROM_DEVICE)
    page = dma_map_page(pdev, 0x2000, 100, 60, DmaDirection.TO_DEVICE)
    assert (dma, page) == (0x1000, 0x2064)
    assert not dma_mapping_error(pdev, dma)
    assert pdev.mappings == {dma: (2048, DmaDirection.FROM_DEVICE), page: (60, DmaDirection.TO_DEVICE)}
    dma_unmap_page(pdev, page, 60, DmaDirection.TO_DEVICE)
    dma_unmap_single(pdev, dma, 2048, DmaDirection.FROM_DEVICE)
    assert not pdev.mappings


@pytest.mark.parametrize(("mask", "fails"), [(0x17FF, False), (0x17FE, True)])
@pytest.mark.parametrize("checked", [False, True])
def test_a_device_maps_only_what_it_can_address(mask: int, fails: bool, checked: bool) -> None:
    machine = Computer().machine
    if checked:
        Checker(machine)
    pdev = PciDev(machine, 0)
    assert dma_set_mask_and_coherent(pdev, mask) == 0
    dma = dma_map_single(pdev, 0x1000, 2048, DmaDirection.TO_DEVICE)
    assert dma_mapping_error(pdev, dma) is fails
    assert len(pdev.mappings) == (not fails)
