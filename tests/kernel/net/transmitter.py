"""A driver that sends: a ring whose packets a test completes."""

from __future__ import annotations

from driver.kernel.irq import IrqReturn, free_irq, request_irq
from driver.kernel.net.hard_start_xmit import NETDEV_TX_BUSY, NETDEV_TX_OK
from driver.kernel.net.netdev_queue import (
    netdev_completed_queue,
    netdev_sent_queue,
    netdev_xmit_more,
    netif_start_queue,
    netif_stop_queue,
    netif_wake_queue,
)
from driver.kernel.net.netdevice import NetDevice, RtnlLinkStats64, dev_open, netif_carrier_on, register_netdev
from driver.kernel.net.skbuff import SkBuff, alloc_skb, consume_skb
from driver.kernel.net.xmit import dev_queue_xmit
from driver.kernel.pci import FIRST_IRQ
from tests.kernel.support import Computer

DEVICE = 1  #: whose interrupt line it uses; tests use that of device 0


class Transmitter:
    """An interface that is up, and the driver of it.

    Attributes:
        size: packets that the ring holds.
        ring: those on it.
        bql: report to byte queue limits.
        taken: each packet that the driver took: its last byte, and netdev_xmit_more.
        stops: stop the queue when the ring is full; else the next packet is answered with NETDEV_TX_BUSY.
        timeouts: calls of ndo_tx_timeout: time in ns, queue.
    """

    def __init__(self, computer: Computer, size: int, *, bql: bool = False, stops: bool = True) -> None:
        self.size, self.bql, self.stops = size, bql, stops
        self.ring: list[SkBuff] = []
        self.taken: list[tuple[int, bool]] = []
        self.timeouts: list[tuple[int, int]] = []
        self._completions: list[tuple[int, bool]] = []
        self.computer = computer
        self.dev = NetDevice(computer.machine, "", self, None, driver="test")
        register_netdev(self.dev)
        computer.spawn(self._up())
        computer.run(computer.machine.now)

    async def _up(self) -> None:
        netif_carrier_on(self.dev)
        assert await dev_open(self.dev) == 0

    async def ndo_open(self, dev: NetDevice) -> int:
        netif_start_queue(dev)
        return request_irq(FIRST_IRQ + DEVICE, self._interrupt, 0, dev.name, self)

    async def ndo_stop(self, dev: NetDevice) -> int:
        await free_irq(FIRST_IRQ + DEVICE, self)
        while self.ring:
            consume_skb(self.ring.pop())
        return 0

    async def ndo_start_xmit(self, skb: SkBuff, dev: NetDevice) -> int:
        if len(self.ring) == self.size:
            return NETDEV_TX_BUSY
        self.ring.append(skb)
        self.taken.append((skb.data[-1], netdev_xmit_more()))
        if self.bql:
            netdev_sent_queue(dev, skb.len)
        if self.stops and len(self.ring) == self.size:
            netif_stop_queue(dev)
        return NETDEV_TX_OK

    async def ndo_tx_timeout(self, dev: NetDevice, txqueue: int) -> None:
        self.timeouts.append((dev.machine.now, txqueue))

    async def ndo_set_rx_mode(self, dev: NetDevice) -> None: ...

    async def ndo_set_mac_address(self, dev: NetDevice, address: bytes) -> int:
        return 0

    async def ndo_get_stats64(self, dev: NetDevice) -> RtnlLinkStats64:
        return RtnlLinkStats64()

    def packet(self, number: int = 0, length: int = 60, priority: int = 0) -> SkBuff:
        """A packet to send, with a number in its last byte."""
        skb = alloc_skb(bytes(length - 1) + bytes([number % 256]), self.dev)
        assert skb is not None
        skb.priority = priority
        return skb

    def send(self, *skbs: SkBuff) -> list[int]:
        """Send packets from a thread, at the present instant; returns what dev_queue_xmit said."""
        results: list[int] = []

        async def thread() -> None:
            for skb in skbs:
                results.append(await dev_queue_xmit(skb))

        self.computer.spawn(thread())
        self.computer.run(self.computer.machine.now)
        return results

    def reclaim(self, packets: int, *, wake: bool = True) -> None:
        """The device has sent so many packets."""
        done, self.ring = self.ring[:packets], self.ring[packets:]
        nbytes = sum(skb.len for skb in done)
        for skb in done:
            consume_skb(skb)
        if self.bql:
            netdev_completed_queue(self.dev, len(done), nbytes)
        if wake:
            netif_wake_queue(self.dev)

    def complete(self, packets: int, *, wake: bool = True) -> None:
        """Reclaim in an interrupt, as the device completes."""
        now = self.computer.machine.now
        self._completions.append((packets, wake))
        self.computer.irq(now + 1, level=True, device=DEVICE)
        self.computer.run(now + 2)

    async def _interrupt(self, _irq: int, _dev: object) -> IrqReturn:
        self.computer.machine.set_irq_level(DEVICE, level=False)
        packets, wake = self._completions.pop(0)
        self.reclaim(packets, wake=wake)
        return IrqReturn.HANDLED

    @property
    def numbers(self) -> list[int]:
        """Last bytes of the packets that the driver took, in order."""
        return [number for number, _ in self.taken]
