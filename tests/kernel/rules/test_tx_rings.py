"""Rules for rings, on a transmit ring: descriptors that say nothing are done when a later one is."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from driver.kernel.dma import (
    DmaDirection,
    dma_alloc_coherent,
    dma_map_single,
    dma_mapping_error,
    dma_rmb,
    dma_unmap_single,
)
from driver.kernel.io import Iomem, writel
from driver.kernel.pci import PciDev, pci_enable_device
from driver.kernel.rules.bus import NOTHING, Meaning, Unknown
from driver.kernel.rules.memory import CheckedMemory
from driver.kernel.rules.ring_state import DescriptorLayout
from tests.kernel.rules.support import blamed, checked, first_of_each
from tests.kernel.support import Computer

BASE, TAIL, ENABLE = 0, 4, 8
DESCRIPTORS, SIZE, COMMAND_AT, STATUS_AT = 8, 16, 11, 12
DONE, CONTEXT = 1, 0x20
TO_DEVICE = DmaDirection.TO_DEVICE


class TxRegisters(Unknown):
    """DeviceRegisters and RingRegisters of a NIC that sends."""

    receives = False
    head_at = None
    buffer_bytes = 0
    count = DESCRIPTORS
    base = 0
    layout = DescriptorLayout(
        size=SIZE,
        address_at=0,
        written_at=STATUS_AT,
        status_at=STATUS_AT,
        done=DONE,
        done_value=DONE,
        no_buffer=(COMMAND_AT, CONTEXT),
    )

    def written(self, offset: int, value: int) -> Meaning:
        if offset == BASE:
            self.base = value
        return {TAIL: Meaning(tx_tail=value), ENABLE: Meaning(tx_dma=bool(value))}.get(offset, NOTHING)


class Sender:
    """A NIC and the pieces of a driver."""

    def __init__(self) -> None:
        self.computer = Computer()
        self.checker = checked(self.computer)
        self.pdev = PciDev(self.computer.machine, 0, "tx")
        self.hw = Iomem(0)
        registers = TxRegisters()
        self.checker.bus.attach(self.pdev, registers)
        self.checker.rings.attach(self.pdev, registers)
        self.tail = 0

    async def open(self) -> None:
        pci_enable_device(self.pdev)
        ring = dma_alloc_coherent(self.pdev, DESCRIPTORS * SIZE)
        assert ring is not None
        self.ring = ring
        await writel(ring.dma, self.hw + BASE)
        await writel(1, self.hw + ENABLE)

    def map(self, direction: DmaDirection = TO_DEVICE) -> int:
        buffer = self.computer.machine.frags.alloc()
        dma = dma_map_single(self.pdev, buffer, 60, direction)
        assert not dma_mapping_error(self.pdev, dma)
        return dma

    def put(self, dma: int, command: int = 0) -> None:
        """Write the next descriptor."""
        descriptor = dma.to_bytes(8, "little") + bytes((60, 0, 0, command, 0, 0, 0, 0))
        self.ring.write(self.tail * SIZE, descriptor)
        self.tail = (self.tail + 1) % DESCRIPTORS

    def finish(self, slot: int) -> None:
        """The device has sent a packet, and says so."""
        memory = self.computer.machine.memory
        assert isinstance(memory, CheckedMemory)
        memory.unchecked.write(self.ring.dma + slot * SIZE + STATUS_AT, bytes((DONE,)))

    def is_done(self, slot: int) -> bool:
        done = bool(self.ring.read(slot * SIZE + STATUS_AT, 1)[0] & DONE)
        dma_rmb()
        return done

    def unmap(self, dma: int) -> None:
        dma_unmap_single(self.pdev, dma, 60, TO_DEVICE)


async def reclaims_all_before_the_one_that_is_done(nic: Sender) -> None:
    for _ in range(3):  # more than once round the ring
        first = nic.tail
        buffers = [nic.map() for _ in range(3)]
        for dma in buffers:
            nic.put(dma)
        nic.put(0, CONTEXT)
        await writel(nic.tail, nic.hw + TAIL)
        last = (first + 3) % DESCRIPTORS
        assert not nic.is_done(last)
        nic.finish(last)
        assert nic.is_done(last)
        for dma in buffers:
            nic.unmap(dma)


async def sends_one_buffer_twice(nic: Sender) -> None:
    dma = nic.map()
    nic.put(dma)
    nic.put(dma)
    await writel(nic.tail, nic.hw + TAIL)
    nic.finish(1)
    assert nic.is_done(1)
    nic.unmap(dma)


async def reclaims_what_is_not_done(nic: Sender) -> None:
    early, late = nic.map(), nic.map()
    nic.put(early)
    nic.put(late)
    await writel(nic.tail, nic.hw + TAIL)
    nic.finish(0)
    assert nic.is_done(0)
    nic.unmap(early)
    dma_unmap_single(nic.pdev, late, 60, TO_DEVICE)  # ring-unmap-owned


async def maps_for_reception(nic: Sender) -> None:
    nic.put(nic.map(DmaDirection.FROM_DEVICE))
    await writel(nic.tail, nic.hw + TAIL)  # ring-buffer-not-mapped


async def fills_the_whole_ring(nic: Sender) -> None:
    for _ in range(DESCRIPTORS):
        nic.put(nic.map())
    await writel(nic.tail, nic.hw + TAIL)  # ring-tail-at-head


async def writes_what_is_on_its_way(nic: Sender) -> None:
    dma = nic.map()
    nic.put(dma)
    await writel(nic.tail, nic.hw + TAIL)
    nic.computer.machine.memory.write(dma, b"changed")  # dma-written-after-map


def run(code: Callable[[Sender], Coroutine[Any, Any, None]]) -> Sender:
    nic = Sender()

    async def thread() -> None:
        await nic.open()
        await code(nic)

    nic.computer.spawn(thread())
    nic.computer.run(1_000_000)
    return nic


@pytest.mark.parametrize("code", [reclaims_all_before_the_one_that_is_done, sends_one_buffer_twice])
def test_the_right_way_breaks_nothing(code: Callable[[Sender], Coroutine[Any, Any, None]]) -> None:
    assert first_of_each(run(code).checker) == {}


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        (reclaims_what_is_not_done, "ring-unmap-owned"),
        (maps_for_reception, "ring-buffer-not-mapped"),
        (fills_the_whole_ring, "ring-tail-at-head"),
        (writes_what_is_on_its_way, "dma-written-after-map"),
    ],
)
def test_a_wrong_driver(code: Callable[[Sender], Coroutine[Any, Any, None]], rule: str) -> None:
    assert blamed(first_of_each(run(code).checker)) == rule
