"""Wrong drivers for rules 50 to 54."""

from __future__ import annotations

import pytest

from driver.kernel.dma import (
    DmaDirection,
    dma_alloc_coherent,
    dma_map_single,
    dma_mapping_error,
    dma_unmap_single,
)
from driver.kernel.io import readl, writel
from driver.kernel.irq import IrqReturn, free_irq, request_irq
from driver.kernel.net.napi import Napi, napi_complete_done, napi_disable, napi_enable
from driver.kernel.net.netdev_queue import netif_start_queue
from driver.kernel.net.netdevice import NetDevice
from driver.kernel.pci import pci_enable_device
from driver.kernel.rules.bus import Meaning
from driver.kernel.rules.rule import Violation
from driver.kernel.softirq import local_bh_disable, local_bh_enable
from driver.kernel.timer import usleep_range
from tests.kernel.rules.sender import RING_BYTES, Sender, broken
from tests.kernel.rules.support import checked, first_of_each, line, only
from tests.kernel.support import Computer

THIS = "test_lifetime.py"

FROM_DEVICE = DmaDirection.FROM_DEVICE


class RingsLate(Sender):
    async def ndo_open(self, dev: NetDevice) -> int:
        request_irq(self.pdev.irq, self.handler, 0, dev.name, self)
        self.memory = dma_alloc_coherent(self.pdev, RING_BYTES)
        napi_enable(self.napi)
        self.unmask()
        netif_start_queue(dev)
        return 0


class InterruptLate(Sender):
    async def ndo_open(self, dev: NetDevice) -> int:
        self.memory = dma_alloc_coherent(self.pdev, RING_BYTES)
        napi_enable(self.napi)
        request_irq(self.pdev.irq, self.handler, 0, dev.name, self)
        self.unmask()
        netif_start_queue(dev)
        return 0


class QueuesEarly(Sender):
    async def ndo_open(self, dev: NetDevice) -> int:
        self.memory = dma_alloc_coherent(self.pdev, RING_BYTES)
        request_irq(self.pdev.irq, self.handler, 0, dev.name, self)
        netif_start_queue(dev)
        napi_enable(self.napi)
        self.unmask()
        return 0


@pytest.mark.parametrize(("sender", "offset"), [(RingsLate, 2), (InterruptLate, 3), (QueuesEarly, 4)])
def test_ndo_open_order(sender: type[Sender], offset: int) -> None:
    only(broken(sender), "ndo-open-order", THIS, line(sender.ndo_open, offset))


class UnmasksEarly(Sender):
    async def ndo_open(self, dev: NetDevice) -> int:
        self.memory = dma_alloc_coherent(self.pdev, RING_BYTES)
        request_irq(self.pdev.irq, self.handler, 0, dev.name, self)
        self.sent = 1  # left from before
        self.unmask()
        await usleep_range(1, 1)
        self.sent = 0
        napi_enable(self.napi)
        self.unmask()
        netif_start_queue(dev)
        return 0

    async def handler(self, irq: int, dev_id: object) -> IrqReturn:
        return await super().handler(irq, dev_id)


def test_ndo_open_unmask() -> None:
    found = broken(UnmasksEarly)
    assert list(found) == ["ndo-open-unmask"]
    assert found["ndo-open-unmask"].context.startswith("CPU 0, hardirq")


class RingsFirst(Sender):
    async def ndo_stop(self, dev: NetDevice) -> int:
        self.mask()
        self.free_memory()
        self.memory = None
        return await super().ndo_stop(dev)

    def free_memory(self) -> None:
        if self.memory is not None:
            super().free_memory()


class InterruptFirst(Sender):
    async def ndo_stop(self, dev: NetDevice) -> int:
        self.mask()
        await free_irq(self.pdev.irq, self)
        await napi_disable(self.napi)
        self.timer.delete()
        self.clean_ring()
        self.free_memory()
        return 0


class RingsBeforeInterrupt(Sender):
    async def ndo_stop(self, dev: NetDevice) -> int:
        self.mask()
        await napi_disable(self.napi)
        self.timer.delete()
        self.clean_ring()
        self.free_memory()
        await free_irq(self.pdev.irq, self)
        return 0

    def free_memory(self) -> None:
        super().free_memory()


@pytest.mark.parametrize(
    ("sender", "what"),
    [
        (RingsFirst, "frees a ring before it disables NAPI"),
        (InterruptFirst, "frees its interrupt before it disables NAPI"),
        (RingsBeforeInterrupt, "frees a ring before it frees its interrupt"),
    ],
)
def test_ndo_stop_order(sender: type[Sender], what: str) -> None:
    found = broken(sender)
    assert list(found) == ["ndo-stop-order"]
    assert what in found["ndo-stop-order"].what


class DisablesTwice(Sender):
    async def ndo_stop(self, dev: NetDevice) -> int:
        await napi_disable(self.napi)
        return await super().ndo_stop(dev)


class EnablesTwice(Sender):
    async def ndo_open(self, dev: NetDevice) -> int:
        await super().ndo_open(dev)
        await napi_disable(self.napi)
        napi_enable(self.napi)
        napi_enable(self.napi)
        return 0


class DisablesAndEnables(Sender):
    async def ndo_open(self, dev: NetDevice) -> int:
        await super().ndo_open(dev)
        for _ in range(3):
            await napi_disable(self.napi)
            napi_enable(self.napi)
        return 0


def test_napi_enable_balance() -> None:
    only(broken(EnablesTwice), "napi-enable-balance", THIS, line(EnablesTwice.ndo_open, 4))


def test_napi_disable_balance() -> None:
    found = broken(DisablesTwice)
    assert list(found) == ["napi-enable-balance"]
    assert "which is disabled" in found["napi-enable-balance"].what


def test_the_right_way_to_disable_and_enable() -> None:
    assert broken(DisablesAndEnables) == {}


class DisablesInThePoll(Sender):
    async def poll(self, napi: Napi, budget: int) -> int:
        self.reclaim(budget)
        await napi_disable(napi)
        if await napi_complete_done(napi, 0):
            self.unmask()
        return 0


class DisablesInTheHandler(Sender):
    async def handler(self, irq: int, dev_id: object) -> IrqReturn:
        result = await super().handler(irq, dev_id)
        await napi_disable(self.napi)
        return result


class DisablesWithSoftirqsOff(Sender):
    async def ndo_stop(self, dev: NetDevice) -> int:
        local_bh_disable()
        await napi_disable(self.napi)
        await local_bh_enable()
        return await super().ndo_stop(dev)


def test_napi_disable_in_the_poll() -> None:
    found = broken(DisablesInThePoll)
    printed = only(found, "napi-disable-context", THIS, line(DisablesInThePoll.poll, 2)).printed
    assert printed == "BUG: sleeping function called from invalid context at net/core/dev.c"


def test_napi_disable_in_the_handler() -> None:
    only(broken(DisablesInTheHandler), "napi-disable-context", THIS, line(DisablesInTheHandler.handler, 2))


def test_napi_disable_with_softirqs_off() -> None:
    only(broken(DisablesWithSoftirqsOff), "napi-disable-context", THIS, line(DisablesWithSoftirqsOff.ndo_stop, 2))


class LeavesItsHandler(Sender):
    async def ndo_stop(self, _dev: NetDevice) -> int:
        self.mask()
        await napi_disable(self.napi)
        self.timer.delete()
        self.clean_ring()
        return 0


class LeavesItsTimer(Sender):
    async def ndo_stop(self, _dev: NetDevice) -> int:
        self.mask()
        await napi_disable(self.napi)
        await free_irq(self.pdev.irq, self)
        self.clean_ring()
        self.free_memory()
        return 0


class LeavesNapi(Sender):
    async def ndo_stop(self, _dev: NetDevice) -> int:
        self.mask()
        self.timer.delete()
        self.clean_ring()
        return 0


@pytest.mark.parametrize(
    ("sender", "what"),
    [(LeavesItsHandler, "its handler on line 16"), (LeavesItsTimer, "a timer pending"), (LeavesNapi, "enabled")],
)
def test_ndo_stop_leftovers(sender: type[Sender], what: str) -> None:
    violation = only(broken(sender), "ndo-stop-leftovers", THIS, line(sender.ndo_stop))
    assert what in violation.what


class ArmsItsTimer(Sender):
    """Its device has something to say while the interface goes down."""

    async def ndo_stop(self, dev: NetDevice) -> int:
        self.computer.machine.set_irq_level(self.pdev.slot, level=True)
        await usleep_range(5, 5)
        return await super().ndo_stop(dev)

    async def handler(self, irq: int, dev_id: object) -> IrqReturn:
        self.timer.mod(self.dev.machine.jiffies + 1)
        return await super().handler(irq, dev_id)


class LooksFirst(ArmsItsTimer):
    async def handler(self, irq: int, dev_id: object) -> IrqReturn:
        if self.dev.running:
            self.timer.mod(self.dev.machine.jiffies + 1)
        return await Sender.handler(self, irq, dev_id)


def test_isr_going_down() -> None:
    only(broken(ArmsItsTimer), "isr-going-down", THIS, line(ArmsItsTimer.handler, 1))


def test_a_handler_that_looks_first() -> None:
    assert broken(LooksFirst) == {}


#: Registers of the device of StopsDma.
RECEIVER, INTERRUPTS = 0, 4


class Registers:
    """What they mean."""

    rx_causes = 0
    tx_causes = 0
    coalesce_ns = 0

    def written(self, offset: int, value: int) -> Meaning:
        if offset == RECEIVER:
            return Meaning(rx_dma=bool(value))
        return Meaning(unmasks=value, masks=0 if value else 1)

    def read(self, _offset: int, _value: int) -> Meaning:
        return Meaning()


class StopsDma(Sender):
    """Has a receiver with one buffer, and does right."""

    def __init__(self, computer: Computer) -> None:
        super().__init__(computer)
        self.hw = self.pdev.iomap()
        self.dev.parent = self.pdev
        self.buffer = 0

    async def write(self, register: int, value: int) -> None:
        """Write a register, and see to it that the write is there."""
        await writel(value, self.hw + register)
        await readl(self.hw + register)

    async def ndo_open(self, dev: NetDevice) -> int:
        await super().ndo_open(dev)
        self.buffer = dma_map_single(self.pdev, dev.machine.frags.alloc(), 2048, FROM_DEVICE)
        dma_mapping_error(self.pdev, self.buffer)
        await self.write(RECEIVER, 1)
        return 0

    async def ndo_stop(self, dev: NetDevice) -> int:
        await self.write(RECEIVER, 0)
        await usleep_range(10, 10)
        self.unmap()
        return await super().ndo_stop(dev)

    def unmap(self) -> None:
        dma_unmap_single(self.pdev, self.buffer, 2048, FROM_DEVICE)


class UnmapsFirst(StopsDma):
    async def ndo_stop(self, dev: NetDevice) -> int:
        self.unmap()
        return await super().ndo_stop(dev)

    def unmap(self) -> None:
        if self.buffer:
            dma_unmap_single(self.pdev, self.buffer, 2048, FROM_DEVICE)
            self.buffer = 0


class LeavesReception(StopsDma):
    async def ndo_stop(self, dev: NetDevice) -> int:
        return await Sender.ndo_stop(self, dev)


class UnmasksGoingDown(StopsDma):
    """Its device has something to say while the interface goes down, and it unmasks whatever happens."""

    async def ndo_stop(self, dev: NetDevice) -> int:
        self.computer.machine.set_irq_level(self.pdev.slot, level=True)
        await usleep_range(5, 5)
        return await super().ndo_stop(dev)

    async def handler(self, irq: int, dev_id: object) -> IrqReturn:
        await self.write(INTERRUPTS, 0)
        return await super().handler(irq, dev_id)

    async def poll(self, napi: Napi, budget: int) -> int:
        await super().poll(napi, budget)
        await self.write(INTERRUPTS, 1)
        return 0


class LooksBeforeUnmasking(UnmasksGoingDown):
    async def poll(self, napi: Napi, budget: int) -> int:
        await Sender.poll(self, napi, budget)
        if self.dev.running:
            await self.write(INTERRUPTS, 1)
        return 0


def with_registers(sender: type[StopsDma]) -> dict[str, Violation]:
    """The rules that a driver breaks whose device's registers are known."""
    computer = Computer()
    driver = sender(computer)
    checker = checked(computer)
    checker.bus.attach(driver.pdev, Registers())
    pci_enable_device(driver.pdev)
    computer.spawn(driver.life(5, 2_000_000))
    computer.run(22_000_000)
    return first_of_each(checker)


def test_dma_that_is_stopped_first() -> None:
    assert with_registers(StopsDma) == {}
    assert with_registers(LooksBeforeUnmasking) == {}


def test_a_buffer_unmapped_under_the_receiver() -> None:
    only(with_registers(UnmapsFirst), "ndo-stop-order", THIS, line(UnmapsFirst.unmap, 2))


def test_reception_left_on() -> None:
    violation = only(with_registers(LeavesReception), "ndo-stop-leftovers", THIS, line(LeavesReception.ndo_stop))
    assert "reception on" in violation.what


def test_unmasking_while_going_down() -> None:
    only(with_registers(UnmasksGoingDown), "isr-going-down", THIS, line(StopsDma.write, 2))
