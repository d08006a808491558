"""A NIC with a receive ring, which does what a test tells it, what a checker knows of it, and a right driver for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from driver.kernel.dma import (
    CoherentMemory,
    DmaDirection,
    HostMemory,
    dma_alloc_coherent,
    dma_free_coherent,
    dma_map_single,
    dma_mapping_error,
    dma_rmb,
    dma_unmap_single,
    dma_wmb,
)
from driver.kernel.io import Iomem, readl, writel
from driver.kernel.net.dev import netif_receive_skb
from driver.kernel.net.napi import Napi, napi_complete_done, napi_disable, napi_enable, netif_napi_add_weight
from driver.kernel.net.netdevice import NetDevice, NetDeviceOps
from driver.kernel.net.skbuff import build_skb
from driver.kernel.pci import PciDev, device_release_driver, pci_disable_device, pci_enable_device
from driver.kernel.rules.bus import NOTHING, Meaning, Unknown
from driver.kernel.rules.memory import CheckedMemory
from driver.kernel.rules.ring_state import DescriptorLayout
from driver.kernel.rules.rule import Violation
from tests.kernel.net.test_napi import schedule
from tests.kernel.rules.support import checked, first_of_each
from tests.kernel.support import Computer

# Registers.
BASE, COUNT, HEAD, TAIL, ENABLE, MASK, STATUS, RESET = range(0, 32, 4)

#: Descriptors of the ring, bytes of a buffer, and packets of a poll.
DESCRIPTORS, BUFFER, WEIGHT = 8, 2048, 64

# A descriptor: the buffer's address, the packet's length, two bytes, the status.
ADDRESS_AT, LENGTH_AT, STATUS_AT = 0, 8, 12
DONE, EOP, OWN, END = 1, 2, 0x80, 0x40

TAIL_LAYOUT = DescriptorLayout(
    size=16, address_at=ADDRESS_AT, written_at=LENGTH_AT, status_at=STATUS_AT, done=DONE, done_value=DONE, eop=EOP
)

FROM_DEVICE = DmaDirection.FROM_DEVICE


class NicRegisters(Unknown):
    """DeviceRegisters and RingRegisters of the NIC."""

    receives = True
    head_at = HEAD
    buffer_bytes = BUFFER

    def __init__(self, layout: DescriptorLayout) -> None:
        self.layout = layout
        self.base = self.count = 0

    def written(self, offset: int, value: int) -> Meaning:
        if offset == BASE:
            self.base = value
        if offset == COUNT:
            self.count = value
        meanings = {
            TAIL: Meaning(rx_tail=value),
            ENABLE: Meaning(rx_dma=bool(value)),
            MASK: Meaning(masks=value),
            RESET: Meaning(masks=1, rx_dma=False, reset=True),
        }
        return meanings.get(offset, NOTHING)


class Driver:
    """A right driver, in pieces that wrong ones replace.

    Attributes:
        buffers, dma: the buffer of each descriptor and its DMA address; 0 for none.
    """

    layout = TAIL_LAYOUT
    weight = WEIGHT

    def __init__(self, computer: Computer) -> None:
        self.computer = computer
        self.frags = computer.machine.frags
        self.pdev = PciDev(computer.machine, 0, "ring")
        self.netdev = NetDevice(computer.machine, "eth0", NetDeviceOps, None, parent=self.pdev)  # type: ignore[arg-type]
        self.napi = netif_napi_add_weight(self.netdev, self.poll, self.weight)
        self.hw = Iomem(0)
        self.buffers, self.dma = [0] * DESCRIPTORS, [0] * DESCRIPTORS
        self.next_to_use = self.next_to_clean = 0
        self.discarding = False

    @property
    def ram(self) -> HostMemory:
        """Memory as the device sees it."""
        memory = self.computer.machine.memory
        assert isinstance(memory, CheckedMemory)
        return memory.unchecked

    # --- the device --------------------------------------------------------------------------------------------------

    def receive(self, slot: int, *, eop: bool = True) -> None:
        """The device puts a packet into a buffer."""
        descriptor = self.ring.dma + slot * self.layout.size
        address = int.from_bytes(self.ram.read(descriptor + ADDRESS_AT, 8), "little")
        self.ram.write(address, b"packet")
        self.ram.write(descriptor + LENGTH_AT, (6).to_bytes(4, "little") + bytes((DONE | EOP * eop,)))

    # --- the driver --------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        pci_enable_device(self.pdev)
        self.ring = self.allocate()
        await writel(self.ring.dma, self.hw + BASE)
        await writel(DESCRIPTORS, self.hw + COUNT)
        await writel(0, self.hw + HEAD)
        await writel(0, self.hw + TAIL)
        await writel(1, self.hw + ENABLE)
        await self.refill()
        napi_enable(self.napi)

    def allocate(self) -> CoherentMemory:
        ring = dma_alloc_coherent(self.pdev, DESCRIPTORS * self.layout.size)
        assert ring is not None
        return ring

    async def refill(self) -> None:
        while self.unused and self.fill(self.next_to_use):
            self.next_to_use = (self.next_to_use + 1) % DESCRIPTORS
        await self.ring_doorbell()

    @property
    def unused(self) -> int:
        return (self.next_to_clean - self.next_to_use - 1) % DESCRIPTORS

    def fill(self, slot: int) -> bool:
        if not self.map_buffer(slot):
            return False
        self.write_descriptor(slot)
        return True

    def map_buffer(self, slot: int) -> bool:
        buffer = self.frags.alloc()
        if not buffer:
            return False
        dma = dma_map_single(self.pdev, buffer, BUFFER, FROM_DEVICE)
        assert not dma_mapping_error(self.pdev, dma)
        self.buffers[slot], self.dma[slot] = buffer, dma
        return True

    def write_descriptor(self, slot: int) -> None:
        self.ring.write(slot * self.layout.size, self.dma[slot].to_bytes(8, "little") + bytes(8))

    async def ring_doorbell(self) -> None:
        dma_wmb()
        await writel(self.next_to_use, self.hw + TAIL)

    async def poll(self, napi: Napi, budget: int) -> int:
        work = await self.clean(budget)
        if work < budget:
            await napi_complete_done(napi, work)
        return work

    async def clean(self, budget: int) -> int:
        work = 0
        while work < budget and await self.clean_one():
            work += 1
        await self.refill()
        return work

    async def clean_one(self) -> bool:
        slot = self.next_to_clean
        if slot == self.next_to_use:
            return False
        status = self.ring.read(slot * self.layout.size + STATUS_AT, 1)[0]
        if not status & DONE:
            return False
        dma_rmb()
        self.next_to_clean = (slot + 1) % DESCRIPTORS
        await self.take(slot, status)
        return True

    async def take(self, slot: int, status: int) -> None:
        length = int.from_bytes(self.ring.read(slot * self.layout.size + LENGTH_AT, 2), "little")
        self.unmap(slot)
        buffer, self.buffers[slot] = self.buffers[slot], 0
        discard, self.discarding = self.discarding, not status & EOP
        if discard or self.discarding:
            self.frags.free(buffer)
        else:
            await netif_receive_skb(build_skb(buffer, length, self.netdev))

    def unmap(self, slot: int) -> None:
        dma_unmap_single(self.pdev, self.dma[slot], BUFFER, FROM_DEVICE)

    async def close(self) -> None:
        await self.stop_device()
        await napi_disable(self.napi)
        for slot, buffer in enumerate(self.buffers):
            if buffer:
                self.unmap(slot)
        dma_free_coherent(self.pdev, self.ring)
        pci_disable_device(self.pdev)
        device_release_driver(self.pdev)

    async def stop_device(self) -> None:
        await writel(0, self.hw + ENABLE)
        await readl(self.hw + STATUS)


Story = Callable[[Driver], Awaitable[None]]


async def poll(driver: Driver, *slots: int) -> None:
    """The device receives a packet in each of some slots, and the driver polls."""
    for slot in slots:
        driver.receive(slot)
    await schedule(driver.napi)


async def goes_round(driver: Driver) -> None:
    """More packets than the ring has descriptors."""
    await poll(driver, 0, 1, 2)
    await poll(driver, 3, 4, 5, 6, 7)
    await poll(driver, 0, 1)
    await poll(driver)


def broken_on_ring(driver_class: type[Driver], story: Story = goes_round) -> dict[str, Violation]:
    """The rules that a driver breaks, when this happens to it between open() and close()."""
    computer = Computer()
    checker = checked(computer)
    driver = driver_class(computer)
    registers = NicRegisters(driver.layout)
    checker.bus.attach(driver.pdev, registers)
    checker.rings.attach(driver.pdev, registers)

    async def run() -> None:
        await driver.open()
        await story(driver)
        await driver.close()

    computer.spawn(run())
    computer.run(1_000_000)
    return first_of_each(checker)
