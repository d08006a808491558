"""A NIC without registers and a right driver for it: a ring, a cause that latches, a mask, and NAPI."""

from __future__ import annotations

from collections import deque

from driver.kernel.cpu import spend
from driver.kernel.irq import IrqReturn, request_irq
from driver.kernel.net import napi
from driver.kernel.net.dev import netif_receive_skb
from driver.kernel.net.napi import (
    Napi,
    napi_complete_done,
    napi_disable,
    napi_enable,
    napi_schedule_prep,
    netif_napi_add,
    netif_napi_set_irq,
)
from driver.kernel.net.netdevice import NetDevice, NetDeviceOps, register_netdev
from driver.kernel.net.skbuff import build_skb
from driver.kernel.pci import FIRST_IRQ
from tests.kernel.support import Computer

schedule = napi.__napi_schedule  # a name that a class does not mangle

#: What a packet costs in poll(), in ns, besides the stack's work.
PACKET_NS = 100


def frame(flow: int, number: int) -> bytes:
    """A UDP datagram of a flow, with a number in it."""
    ip = bytes((0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0, 0, 198, 18, 0, 1, 198, 19, 0, 1))
    udp = (1024 + flow).to_bytes(2, "big") + bytes((0, 9, 0, 26, 0, 0))
    return bytes(12) + b"\x08\x00" + ip + udp + number.to_bytes(8, "big") + bytes(10)


def number_of(data: bytes) -> int:
    """The number in a frame."""
    return int.from_bytes(data[42:50], "big")


class Nic:
    """The device and its driver.

    Attributes:
        ring: frames that wait to be polled.
        masked: the interrupt is.
        interrupts: taken so far.
        received: numbers of the frames that the driver passed on.
        budgets: of the polls.
    """

    def __init__(self, computer: Computer, number: int = 0) -> None:
        self.computer = computer
        self.ring: deque[bytes] = deque()
        self.masked = True
        self.going_down = False
        self.interrupts = 0
        self.received: list[int] = []
        self.budgets: list[int] = []
        self.handler_ns = self.mask_ns = 0
        self._number = number
        self._cause = False
        self._sent = 0
        self.dev = NetDevice(computer.machine, "", NetDeviceOps, self, running=True)  # type: ignore[arg-type]
        register_netdev(self.dev)
        self.napi = netif_napi_add(self.dev, self._poll)
        netif_napi_set_irq(self.napi, FIRST_IRQ + number)
        computer.spawn(self.up())
        computer.run(computer.machine.now)

    async def up(self) -> None:
        """ndo_open, in short."""
        request_irq(FIRST_IRQ + self._number, self._interrupt, 0, self.dev.name, self)
        napi_enable(self.napi)
        self._mask(masked=False)

    async def down(self) -> None:
        """The interrupt off, then NAPI."""
        self.going_down = True
        self._mask(masked=True)
        await napi_disable(self.napi)

    async def up_again(self) -> None:
        """NAPI on, then the interrupt, which is asked for in case one came while NAPI was being disabled."""
        self.going_down = False
        napi_enable(self.napi)
        self._cause = True
        self._mask(masked=False)

    def arrive(self, flow: int = 0) -> int:
        """A frame comes in; returns its number."""
        self._sent += 1
        self.ring.append(frame(flow, self._sent))
        self._cause = True
        self._update_line()
        return self._sent

    def interrupt_for_nothing(self) -> None:
        """Set the cause though nothing came."""
        self._cause = True
        self._update_line()

    def arrives(self, time: int, flow: int = 0) -> None:
        """Let a frame come in at a time."""
        self.computer.at(time, lambda: self.arrive(flow))

    @property
    def sent(self) -> int:
        """How many frames came in."""
        return self._sent

    def _mask(self, *, masked: bool) -> None:
        self.masked = masked
        self._update_line()

    def _update_line(self) -> None:
        self.computer.machine.set_irq_level(self._number, level=self._cause and not self.masked)
        self.computer.machine.resched = True

    async def _interrupt(self, _irq: int, _dev: object) -> IrqReturn:
        self.interrupts += 1
        self._cause = False
        self._update_line()
        await spend(self.handler_ns)
        if napi_schedule_prep(self.napi):
            self._mask(masked=True)
            await spend(self.mask_ns)
            schedule(self.napi)
        return IrqReturn.HANDLED

    async def _poll(self, instance: Napi, budget: int) -> int:
        self.budgets.append(budget)
        work = 0
        frags, memory = self.computer.machine.frags, self.computer.machine.memory
        while work < budget and self.ring:
            data = self.ring.popleft()
            await spend(PACKET_NS)
            head = frags.alloc()
            memory.write(head, data)
            self.received.append(number_of(data))
            await netif_receive_skb(build_skb(head, len(data), self.dev))
            work += 1
        if work < budget and await napi_complete_done(instance, work) and not self.going_down:
            self._mask(masked=False)
        return work
