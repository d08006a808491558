"""A driver that sends, reclaims in its poll and does everything right; wrong ones inherit from it."""

from __future__ import annotations

from collections.abc import Callable

from driver.kernel.dma import CoherentMemory, dma_alloc_coherent, dma_free_coherent
from driver.kernel.irq import IrqReturn, free_irq, request_irq
from driver.kernel.net.hard_start_xmit import NETDEV_TX_BUSY, NETDEV_TX_OK
from driver.kernel.net.napi import (
    Napi,
    napi_complete_done,
    napi_disable,
    napi_enable,
    napi_schedule,
    netif_napi_add,
)
from driver.kernel.net.netdev_queue import (
    netdev_completed_queue,
    netdev_reset_queue,
    netdev_sent_queue,
    netif_start_queue,
    netif_stop_queue,
    netif_wake_queue,
)
from driver.kernel.net.netdevice import (
    NetDevice,
    RtnlLinkStats64,
    dev_close,
    dev_open,
    netif_carrier_off,
    netif_carrier_on,
    register_netdev,
)
from driver.kernel.net.skbuff import SkBuff, alloc_skb, consume_skb
from driver.kernel.net.xmit import dev_queue_xmit, napi_consume_skb
from driver.kernel.pci import PciDev
from driver.kernel.rules.rule import Violation
from driver.kernel.timer import TimerList, usleep_range
from tests.kernel.rules.support import broken_by
from tests.kernel.support import Computer

RING_BYTES = 4096

#: From a packet on the ring until the device has sent it.
SENDING_NS = 10_000


class Sender:
    """An interface, its driver, and the device: each packet is sent SENDING_NS after it was put on the ring.

    Attributes:
        size: packets that the ring holds.
        ring: those on it.
        sent: how many of them the device has sent.
        hangs: the device sends nothing.
        unmasked: the device interrupts.
    """

    size = 2
    hangs = False

    def __init__(self, computer: Computer) -> None:
        self.computer = computer
        self.pdev = PciDev(computer.machine, 0)
        self.dev = NetDevice(computer.machine, "", self, None, driver="test")
        register_netdev(self.dev)
        self.napi = netif_napi_add(self.dev, self.poll)
        self.timer = TimerList(self.expired)
        self.ring: list[SkBuff] = []
        self.memory: CoherentMemory | None = None
        self.sent = 0
        self.unmasked = False

    # --- the device ----------------------------------------------------------------------------------------------

    def interrupt(self) -> None:
        """Raise the line unless it is masked."""
        self.computer.machine.set_irq_level(self.pdev.slot, level=self.unmasked)

    def mask(self) -> None:
        """Keep the line low from now on."""
        self.unmasked = False
        self.computer.machine.set_irq_level(self.pdev.slot, level=False)

    def unmask(self) -> None:
        """Let the device interrupt, at once if it has sent something."""
        self.unmasked = True
        if self.sent:
            self.interrupt()

    def transmit(self) -> None:
        """Send what was put on the ring last."""
        if not self.hangs:
            self.computer.at(self.computer.machine.now + SENDING_NS, self._has_sent)

    def _has_sent(self) -> None:
        self.sent += 1
        self.interrupt()

    # --- the driver ----------------------------------------------------------------------------------------------

    async def ndo_open(self, dev: NetDevice) -> int:
        self.memory = dma_alloc_coherent(self.pdev, RING_BYTES)
        request_irq(self.pdev.irq, self.handler, 0, dev.name, self)
        napi_enable(self.napi)
        self.unmask()
        self.timer.mod(dev.machine.jiffies + 1)
        netif_start_queue(dev)
        return 0

    async def ndo_stop(self, dev: NetDevice) -> int:
        netif_stop_queue(dev)
        self.mask()
        await napi_disable(self.napi)
        self.timer.delete()
        netif_carrier_off(dev)
        await free_irq(self.pdev.irq, self)
        self.clean_ring()
        self.free_memory()
        return 0

    def clean_ring(self) -> None:
        while self.ring:
            consume_skb(self.ring.pop())
        self.sent = 0
        netdev_reset_queue(self.dev)

    def free_memory(self) -> None:
        assert self.memory is not None
        dma_free_coherent(self.pdev, self.memory)

    async def ndo_start_xmit(self, skb: SkBuff, dev: NetDevice) -> int:
        if len(self.ring) == self.size:
            netif_stop_queue(dev)
            return NETDEV_TX_BUSY
        self.put(skb)
        if len(self.ring) == self.size:
            netif_stop_queue(dev)
        return NETDEV_TX_OK

    def put(self, skb: SkBuff) -> None:
        self.ring.append(skb)
        netdev_sent_queue(self.dev, skb.len)
        self.transmit()

    async def handler(self, _irq: int, _dev_id: object) -> IrqReturn:
        self.mask()
        napi_schedule(self.napi)
        return IrqReturn.HANDLED

    async def poll(self, napi: Napi, budget: int) -> int:
        self.reclaim(budget)
        if await napi_complete_done(napi, 0) and self.dev.running:
            self.unmask()
        return 0

    def reclaim(self, budget: int) -> None:
        done, self.ring = self.ring[: self.sent], self.ring[self.sent :]
        self.sent = 0
        if not done:
            return
        nbytes = sum(skb.len for skb in done)
        for skb in done:
            napi_consume_skb(skb, budget)
        netdev_completed_queue(self.dev, len(done), nbytes)
        netif_wake_queue(self.dev)

    async def expired(self, _timer: TimerList) -> None:
        self.timer.mod(self.dev.machine.jiffies + 1)

    # --- the rest ------------------------------------------------------------------------------------------------

    async def ndo_tx_timeout(self, dev: NetDevice, txqueue: int) -> None: ...

    async def ndo_set_rx_mode(self, dev: NetDevice) -> None: ...

    async def ndo_set_mac_address(self, dev: NetDevice, address: bytes) -> int:
        return 0

    async def ndo_get_stats64(self, dev: NetDevice) -> RtnlLinkStats64:
        return RtnlLinkStats64()

    async def life(self, packets: int, wait_ns: int) -> None:
        """Come up, send packets, wait, and go down."""
        netif_carrier_on(self.dev)
        await dev_open(self.dev)
        for number in range(packets):
            skb = alloc_skb(bytes(60 + number), self.dev)
            assert skb is not None
            await dev_queue_xmit(skb)
        await usleep_range(wait_ns // 1000, wait_ns // 1000)
        await dev_close(self.dev)


def broken(sender: Callable[[Computer], Sender], *, packets: int = 5, wait_ns: int = 2_000_000) -> dict[str, Violation]:
    """The rules that a driver breaks in its interface's life, by name."""
    computer = Computer()
    return broken_by(computer, sender(computer).life(packets, wait_ns), until=wait_ns + 20_000_000)
