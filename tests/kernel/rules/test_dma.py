"""Wrong drivers for rules 26, 37 to 43: the DMA API, and who touches a mapped buffer."""

from __future__ import annotations

import dataclasses
from types import FunctionType

import pytest

from driver.kernel.dma import (
    DMA_MAPPING_ERROR,
    CoherentMemory,
    DmaDirection,
    HostMemory,
    dma_alloc_coherent,
    dma_free_coherent,
    dma_map_page,
    dma_map_single,
    dma_mapping_error,
    dma_set_mask_and_coherent,
    dma_sync_single_for_cpu,
    dma_sync_single_for_device,
    dma_sync_single_range_for_cpu,
    dma_unmap_page,
    dma_unmap_single,
)
from driver.kernel.pci import PciDev, device_release_driver
from driver.kernel.rules import dma, memory
from driver.kernel.rules.rule import Rule, Violation
from tests.kernel.rules.support import broken_by
from tests.kernel.support import Computer

TO_DEVICE, FROM_DEVICE, BIDIRECTIONAL = DmaDirection.TO_DEVICE, DmaDirection.FROM_DEVICE, DmaDirection.BIDIRECTIONAL

Driver = FunctionType


class Buffer:
    """A device and a packet buffer of 2048 bytes."""

    def __init__(self) -> None:
        self.computer = Computer()
        self.pdev = PciDev(self.computer.machine, 0, "wrong")
        self.address = self.computer.machine.frags.alloc()
        self.other = self.computer.machine.frags.alloc()

    def map(self, direction: DmaDirection = FROM_DEVICE, size: int = 2048) -> int:
        """Map the first bytes of it, as one should."""
        mapped = dma_map_single(self.pdev, self.address, size, direction)
        assert not dma_mapping_error(self.pdev, mapped)
        return mapped

    def coherent(self, size: int = 128) -> CoherentMemory:
        """Coherent memory."""
        found = dma_alloc_coherent(self.pdev, size)
        assert found is not None
        return found

    @property
    def memory(self) -> HostMemory:
        return self.computer.machine.memory


def broken_rules(driver: Driver) -> dict[str, Violation]:
    """The rules that a driver breaks: by its last line, and that is blamed."""
    buffer = Buffer()

    async def run() -> None:
        driver(buffer)

    found = broken_by(buffer.computer, run())
    for violation in found.values():
        assert violation.where is not None
        assert violation.where.function == driver.__name__
        assert violation.where.line == max(line for _, _, line in driver.__code__.co_lines() if line is not None)
    return found


# --- right drivers ----------------------------------------------------------------------------------------------------


def receives(buffer: Buffer) -> None:
    dma = buffer.map()
    dma_unmap_single(buffer.pdev, dma, 2048, FROM_DEVICE)
    buffer.memory.read(buffer.address, 2048)
    buffer.memory.write(buffer.address, bytes(2048))


def receives_and_reuses(buffer: Buffer) -> None:
    dma = buffer.map()
    dma_sync_single_for_cpu(buffer.pdev, dma, 64, FROM_DEVICE)
    dma_sync_single_range_for_cpu(buffer.pdev, dma, 64, 64, FROM_DEVICE)
    buffer.memory.read(buffer.address, 128)
    buffer.memory.write(buffer.address, b"used")
    dma_sync_single_for_device(buffer.pdev, dma, 2048, FROM_DEVICE)
    dma_unmap_single(buffer.pdev, dma, 2048, FROM_DEVICE)


def sends(buffer: Buffer) -> None:
    buffer.memory.write(buffer.address, bytes(100))
    dma = buffer.map(TO_DEVICE, 100)
    again = dma_map_page(buffer.pdev, buffer.address, 0, 100, TO_DEVICE)  # the same packet twice on its way
    assert not dma_mapping_error(buffer.pdev, again)
    buffer.memory.read(buffer.address, 100)
    buffer.memory.write(buffer.address + 100, b"behind it")
    dma_unmap_single(buffer.pdev, dma, 100, TO_DEVICE)
    dma_unmap_page(buffer.pdev, again, 100, TO_DEVICE)


def both_ways(buffer: Buffer) -> None:
    dma = buffer.map(BIDIRECTIONAL)
    dma_sync_single_for_cpu(buffer.pdev, dma, 2048, FROM_DEVICE)
    buffer.memory.write(buffer.address, b"x")
    dma_sync_single_for_device(buffer.pdev, dma, 2048, TO_DEVICE)
    dma_unmap_single(buffer.pdev, dma, 2048, BIDIRECTIONAL)


def allocates(buffer: Buffer) -> None:
    ring = buffer.coherent(2 * 4096)
    ring.write(4000, bytes(200))
    ring.read(0, 8192)
    dma_free_coherent(buffer.pdev, ring)
    device_release_driver(buffer.pdev)


def cannot_reach_it(buffer: Buffer) -> None:
    dma_set_mask_and_coherent(buffer.pdev, 0xFFF)
    dma = dma_map_single(buffer.pdev, buffer.address, 2048, FROM_DEVICE)
    assert dma_mapping_error(buffer.pdev, dma)
    device_release_driver(buffer.pdev)


def shares_a_cache_line_in_turns(buffer: Buffer) -> None:
    for offset in (0, 32):
        dma = dma_map_single(buffer.pdev, buffer.address + offset, 32, FROM_DEVICE)
        assert not dma_mapping_error(buffer.pdev, dma)
        dma_unmap_single(buffer.pdev, dma, 32, FROM_DEVICE)


def sends_from_the_line_that_it_receives_into(buffer: Buffer) -> None:
    dma_map_single(buffer.pdev, buffer.address, 32, TO_DEVICE)
    dma_map_single(buffer.pdev, buffer.address + 32, 32, FROM_DEVICE)


@pytest.mark.parametrize(
    "driver",
    [
        receives,
        receives_and_reuses,
        sends,
        both_ways,
        allocates,
        cannot_reach_it,
        shares_a_cache_line_in_turns,
        sends_from_the_line_that_it_receives_into,
    ],
)
def test_the_right_way_breaks_nothing(driver: Driver) -> None:
    assert broken_rules(driver) == {}


# --- wrong ones -------------------------------------------------------------------------------------------------------


def unmaps_what_failed(buffer: Buffer) -> None:
    dma_set_mask_and_coherent(buffer.pdev, 0xFFF)
    dma = dma_map_single(buffer.pdev, buffer.address, 2048, FROM_DEVICE)
    dma_unmap_single(buffer.pdev, dma, 2048, FROM_DEVICE)


def unmaps_twice(buffer: Buffer) -> None:
    dma = buffer.map()
    dma_unmap_single(buffer.pdev, dma, 2048, FROM_DEVICE)
    dma_unmap_single(buffer.pdev, dma, 2048, FROM_DEVICE)


def unmaps_the_middle(buffer: Buffer) -> None:
    dma_unmap_single(buffer.pdev, buffer.map() + 2, 2048, FROM_DEVICE)


def unmaps_anothers(buffer: Buffer) -> None:
    dma_unmap_single(PciDev(buffer.pdev.machine, 1), buffer.map(), 2048, FROM_DEVICE)


def frees_twice(buffer: Buffer) -> None:
    ring = buffer.coherent()
    dma_free_coherent(buffer.pdev, ring)
    dma_free_coherent(buffer.pdev, ring)


def unmaps_less(buffer: Buffer) -> None:
    dma_unmap_single(buffer.pdev, buffer.map(), 60, FROM_DEVICE)


def frees_less(buffer: Buffer) -> None:
    dma_free_coherent(buffer.pdev, dataclasses.replace(buffer.coherent(128), size=64))


def unmaps_coherent(buffer: Buffer) -> None:
    dma_unmap_single(buffer.pdev, buffer.coherent().dma, 128, BIDIRECTIONAL)


def unmaps_in_another_direction(buffer: Buffer) -> None:
    dma_unmap_single(buffer.pdev, buffer.map(), 2048, BIDIRECTIONAL)


def never_asks(buffer: Buffer) -> None:
    dma = dma_map_single(buffer.pdev, buffer.address, 2048, FROM_DEVICE)
    dma_unmap_single(buffer.pdev, dma, 2048, FROM_DEVICE)


def asks_about_another(buffer: Buffer) -> None:
    dma = dma_map_single(buffer.pdev, buffer.address, 2048, FROM_DEVICE)
    dma_mapping_error(buffer.pdev, dma + 64)
    dma_unmap_single(buffer.pdev, dma, 2048, FROM_DEVICE)


def asks_once(buffer: Buffer) -> None:
    dma_unmap_single(buffer.pdev, buffer.map(), 2048, FROM_DEVICE)
    dma = dma_map_single(buffer.pdev, buffer.address, 2048, FROM_DEVICE)
    dma_unmap_single(buffer.pdev, dma, 2048, FROM_DEVICE)


def asks_for_another_device(buffer: Buffer) -> None:
    dma = dma_map_single(buffer.pdev, buffer.address, 2048, FROM_DEVICE)
    dma_mapping_error(PciDev(buffer.pdev.machine, 1), dma)
    dma_unmap_single(buffer.pdev, dma, 2048, FROM_DEVICE)


def syncs_what_is_not_mapped(buffer: Buffer) -> None:
    dma_sync_single_for_cpu(buffer.pdev, buffer.address, 2048, FROM_DEVICE)


def syncs_too_much(buffer: Buffer) -> None:
    dma_sync_single_range_for_cpu(buffer.pdev, buffer.map(size=1024), 512, 1024, FROM_DEVICE)


def syncs_in_another_direction(buffer: Buffer) -> None:
    dma_sync_single_for_cpu(buffer.pdev, buffer.map(), 2048, BIDIRECTIONAL)


def syncs_sent_bytes_for_cpu(buffer: Buffer) -> None:
    dma_sync_single_for_cpu(buffer.pdev, buffer.map(TO_DEVICE), 2048, FROM_DEVICE)


def syncs_received_bytes_to_device(buffer: Buffer) -> None:
    dma_sync_single_for_device(buffer.pdev, buffer.map(), 2048, TO_DEVICE)


def maps_a_variable(buffer: Buffer) -> None:
    header = bytearray(64)
    assert dma_map_single(buffer.pdev, header, 64, TO_DEVICE) == DMA_MAPPING_ERROR  # type: ignore[arg-type]


def maps_a_null_pointer(buffer: Buffer) -> None:
    dma_map_single(buffer.pdev, 0, 64, TO_DEVICE)


def maps_beyond_memory(buffer: Buffer) -> None:
    dma_map_single(buffer.pdev, buffer.memory.size - 64, 128, TO_DEVICE)


def maps_twice(buffer: Buffer) -> None:
    buffer.map()
    dma_map_single(buffer.pdev, buffer.address, 2048, FROM_DEVICE)


def maps_halves_of_a_cache_line(buffer: Buffer) -> None:
    dma_map_single(buffer.pdev, buffer.address, 32, FROM_DEVICE)
    dma_map_single(buffer.pdev, buffer.address + 32, 32, FROM_DEVICE)


def forgets_a_mapping(buffer: Buffer) -> None:
    ring = buffer.coherent()
    buffer.map()
    dma_free_coherent(buffer.pdev, ring)
    device_release_driver(buffer.pdev)


def reads_without_sync(buffer: Buffer) -> None:
    buffer.map()
    buffer.memory.read(buffer.address, 14)


def reads_more_than_was_synced(buffer: Buffer) -> None:
    dma_sync_single_for_cpu(buffer.pdev, buffer.map(), 60, FROM_DEVICE)
    buffer.memory.read(buffer.address, 61)


def reads_what_it_gave_back(buffer: Buffer) -> None:
    dma = buffer.map()
    dma_sync_single_for_cpu(buffer.pdev, dma, 2048, FROM_DEVICE)
    dma_sync_single_for_device(buffer.pdev, dma, 2048, FROM_DEVICE)
    buffer.memory.read(buffer.address + 2000, 4)


def reads_as_it_could_before(buffer: Buffer) -> None:
    dma_sync_single_for_cpu(buffer.pdev, buffer.map(), 2048, FROM_DEVICE)
    dma_unmap_single(buffer.pdev, buffer.address, 2048, FROM_DEVICE)
    buffer.map()
    buffer.memory.read(buffer.address, 14)


def reads_across_a_page(buffer: Buffer) -> None:
    behind = max(buffer.address, buffer.other) + 2048
    dma_map_single(buffer.pdev, behind, 2048, FROM_DEVICE)
    buffer.memory.read(behind - 1, 2)


def writes_what_is_sent(buffer: Buffer) -> None:
    buffer.map(TO_DEVICE, 100)
    buffer.memory.write(buffer.address + 99, b"!")


def writes_what_is_received(buffer: Buffer) -> None:
    buffer.map()
    buffer.memory.write(buffer.address, bytes(2048))


def writes_across_a_page(buffer: Buffer) -> None:
    first, second = sorted((buffer.address, buffer.other))
    assert second == first + 2048
    dma_map_single(buffer.pdev, second + 2048, 2048, FROM_DEVICE)
    buffer.memory.write(first, bytes(4097))


@pytest.mark.parametrize(
    ("driver", "rule"),
    [
        (unmaps_what_failed, dma.DMA_UNMAP_FAILED),
        (unmaps_twice, dma.DMA_UNMAP_UNMAPPED),
        (unmaps_the_middle, dma.DMA_UNMAP_UNMAPPED),
        (unmaps_anothers, dma.DMA_UNMAP_UNMAPPED),
        (frees_twice, dma.DMA_UNMAP_UNMAPPED),
        (unmaps_less, dma.DMA_UNMAP_SIZE),
        (frees_less, dma.DMA_UNMAP_SIZE),
        (unmaps_coherent, dma.DMA_UNMAP_FUNCTION),
        (unmaps_in_another_direction, dma.DMA_UNMAP_DIRECTION),
        (never_asks, dma.DMA_MAP_ERROR_UNCHECKED),
        (asks_once, dma.DMA_MAP_ERROR_UNCHECKED),
        (asks_for_another_device, dma.DMA_MAP_ERROR_UNCHECKED),
        (asks_about_another, dma.DMA_MAP_ERROR_UNCHECKED),
        (syncs_what_is_not_mapped, dma.DMA_SYNC_UNMAPPED),
        (syncs_too_much, dma.DMA_SYNC_RANGE),
        (syncs_in_another_direction, dma.DMA_SYNC_DIRECTION),
        (syncs_sent_bytes_for_cpu, dma.DMA_SYNC_READ_ONLY),
        (syncs_received_bytes_to_device, dma.DMA_SYNC_WRITE_ONLY),
        (maps_a_variable, dma.DMA_MAP_STACK),
        (maps_a_null_pointer, dma.DMA_MAP_TEXT),
        (maps_beyond_memory, dma.DMA_MAP_INVALID),
        (maps_twice, dma.DMA_CACHELINE),
        (maps_halves_of_a_cache_line, dma.DMA_CACHELINE),
        (forgets_a_mapping, dma.DMA_LEAK),
    ],
)
def test_a_wrong_call(driver: Driver, rule: Rule) -> None:
    violations = broken_rules(driver)
    assert list(violations) == [rule.name]
    printed = violations[rule.name].printed
    assert printed is not None
    assert printed.startswith("DMA-API: wrong 0000:00:01.0: ") or driver is unmaps_anothers


@pytest.mark.parametrize(
    ("driver", "printed"),
    [
        (
            unmaps_less,
            "device driver frees DMA memory with different size [device address=0x{:016x}] [map size=2048 bytes] "
            "[unmap size=60 bytes]",
        ),
        (
            unmaps_coherent,
            "device driver frees DMA memory with wrong function [device address=0x{:016x}] [size=128 bytes] "
            "[mapped as coherent] [unmapped as phy]",
        ),
        (
            unmaps_in_another_direction,
            "device driver frees DMA memory with different direction [device address=0x{:016x}] [size=2048 bytes] "
            "[mapped with DMA_FROM_DEVICE] [unmapped with DMA_BIDIRECTIONAL]",
        ),
        (
            never_asks,
            "device driver failed to check map error[device address=0x{:016x}] [size=2048 bytes] [mapped as phy]",
        ),
        (
            syncs_sent_bytes_for_cpu,
            "device driver syncs device read-only DMA memory for cpu [device address=0x{:016x}] [size=2048 bytes] "
            "[mapped with DMA_TO_DEVICE] [synced with DMA_FROM_DEVICE]",
        ),
        (maps_twice, "cacheline tracking EEXIST, overlapping mappings aren't supported"),
        (
            forgets_a_mapping,
            "device driver has pending DMA allocations while released from device [count=1]\n"
            "One of leaked entries details: [device address=0x{:016x}] [size=2048 bytes] "
            "[mapped with DMA_FROM_DEVICE] [mapped as phy]",
        ),
    ],
)
def test_what_linux_prints(driver: Driver, printed: str) -> None:
    (violation,) = broken_rules(driver).values()
    address = Buffer().coherent().dma if driver is unmaps_coherent else Buffer().address
    assert violation.printed == "DMA-API: wrong 0000:00:01.0: " + printed.format(address)


@pytest.mark.parametrize(
    ("driver", "rule"),
    [
        (reads_without_sync, memory.DMA_NO_SYNC_FOR_CPU),
        (reads_more_than_was_synced, memory.DMA_NO_SYNC_FOR_CPU),
        (reads_what_it_gave_back, memory.DMA_NO_SYNC_FOR_CPU),
        (reads_as_it_could_before, memory.DMA_NO_SYNC_FOR_CPU),
        (reads_across_a_page, memory.DMA_NO_SYNC_FOR_CPU),
        (writes_what_is_sent, memory.DMA_WRITTEN_AFTER_MAP),
        (writes_what_is_received, memory.DMA_BUFFER_WRITTEN),
        (writes_across_a_page, memory.DMA_BUFFER_WRITTEN),
    ],
)
def test_touching_what_is_mapped(driver: Driver, rule: Rule) -> None:
    assert list(broken_rules(driver)) == [rule.name]
