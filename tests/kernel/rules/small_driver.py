"""A driver for the small NIC that breaks no rule. Wrong ones are derived from it, and differ in what they do wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel.cpu import spend
from driver.kernel.dma import CoherentMemory, dma_alloc_coherent
from driver.kernel.io import readl, writel
from driver.kernel.irq import IRQF_SHARED, IrqReturn, request_irq
from driver.kernel.net.napi import (
    Napi,
    napi_complete_done,
    napi_enable,
    napi_schedule_prep,
    netif_napi_add,
)
from driver.kernel.net.napi import (
    __napi_schedule as schedule_owned,
)
from driver.kernel.net.netdevice import NetDevice, NetDeviceFlags, NetDeviceOps
from driver.kernel.pci import PciDev
from driver.kernel.rules.bus import ALL_ONES
from tests.kernel.rules.small_nic import (
    CAUSE,
    COUNT,
    DESCRIPTOR_BYTES,
    ENABLE,
    LINK,
    MASK,
    NO_BUFFER,
    RING,
    RX,
    STATUS,
    TAIL,
    UNMASK,
    NicComputer,
)

if TYPE_CHECKING:
    from driver.kernel.irq import Handler

#: What a packet costs, in ns.
PACKET_NS = 1000


class Driver:
    """The driver, and the thread that brings its interface up.

    Attributes:
        taken: packets.
    """

    def __init__(self, computer: NicComputer) -> None:
        self.computer = computer
        self.machine = computer.machine
        self.pdev = PciDev(computer.machine, 0)
        self.hw = self.pdev.iomap()
        self.dev = NetDevice(computer.machine, "eth0", NetDeviceOps, self, parent=self.pdev)  # type: ignore[arg-type]
        self.napi = netif_napi_add(self.dev, self.poll)
        self.irq = self.pdev.irq
        self.taken = 0
        self._ring: CoherentMemory | None = None

    @property
    def ring(self) -> CoherentMemory:
        assert self._ring is not None
        return self._ring

    async def open(self) -> None:
        self.dev.running = True
        self._ring = dma_alloc_coherent(self.pdev, COUNT * DESCRIPTOR_BYTES)
        for index in range(COUNT):
            self.ring.write(index * DESCRIPTOR_BYTES + 1, bytes([NO_BUFFER]))
        await writel(self.ring.dma, self.hw + RING)
        await writel(COUNT - 1, self.hw + TAIL)
        await writel(1, self.hw + ENABLE)
        self.request()
        napi_enable(self.napi)
        await self.unmask()
        self.dev.flags |= NetDeviceFlags.UP

    def request(self) -> None:
        handler: Handler = self.interrupt
        request_irq(self.irq, handler, IRQF_SHARED, "eth0", self)

    async def unmask(self) -> None:
        await writel(RX | LINK, self.hw + UNMASK)

    async def interrupt(self, _irq: int, _dev_id: object) -> IrqReturn:
        causes = await readl(self.hw + CAUSE)
        if causes == ALL_ONES or not causes:
            return IrqReturn.NONE
        if causes & RX and napi_schedule_prep(self.napi):
            await self.mask()
            schedule_owned(self.napi)
        return IrqReturn.HANDLED

    async def mask(self) -> None:
        await writel(RX, self.hw + MASK)
        await readl(self.hw + STATUS)

    async def poll(self, napi: Napi, budget: int) -> int:
        work = await self.clean(budget)
        if work < budget and await napi_complete_done(napi, work):
            await self.unmask()
        return work

    async def clean(self, budget: int) -> int:
        """Take packets, and give their descriptors back."""
        work = 0
        while work < budget and self.done():
            await spend(PACKET_NS)
            self.taken += 1
            work += 1
        if work:
            await self.refill(work)
        return work

    def done(self) -> bool:
        return self.ring.read(self.taken % COUNT * DESCRIPTOR_BYTES, 1) == b"\1"

    async def refill(self, count: int) -> None:
        for index in range(self.taken - count, self.taken):
            self.ring.write(index % COUNT * DESCRIPTOR_BYTES, b"\0")
        await writel((self.taken - 1) % COUNT, self.hw + TAIL)
