"""What the checks of part 5 send with: a thread on one CPU, and the other end of the wire."""

from __future__ import annotations

from typing import cast

from driver.kernel.cpu import spend
from driver.kernel.net.netdev_queue import STACK_XOFF
from driver.kernel.net.netdevice import NetDevice
from driver.kernel.net.skbuff import SkBuff, alloc_skb
from driver.kernel.net.xmit import dev_queue_xmit
from driver.kernel.pci import PciDev
from emulator.engines.base import SentFrame
from emulator.exercises.bench import Bench

_ETHERTYPE_EXPERIMENTAL = b"\x88\xb5"
_PEER, _STATION = b"\x02\0\0\0\0\2", b"\x02\0\0\0\0\1"
_NUMBER_AT, _NUMBER_BYTES = 14, 4

_WHERE = (
    "The queue is not stopped. So the packets that are missing are on the ring and the device was not told (TDT), or "
    "the driver has not put them there."
)


class Sender:
    """Sends numbered packets, and sees which of them leave the NIC.

    Attributes:
        queued: packets that were given to dev_queue_xmit, since forget().
        sent: the numbers of those that left, in order.
        broken: frames that left and are none of these packets.
        last_ns: when the last one was queued.
        held: packets that were queued and are not freed.
        unmappable: numbers of packets that the device cannot reach: mapping them fails.
    """

    def __init__(self, bench: Bench, netdev: NetDevice, *, nic: int = 0, cpu: int = 0) -> None:
        """Packets of an interface, from a thread that stays on one CPU."""
        self.queued = self.broken = self.held = self.last_ns = 0
        self.sent: list[int] = []
        self.unmappable: set[int] = set()
        self._bench, self._netdev, self._cpu = bench, netdev, bench.machine.cpus[cpu]
        self._frames: dict[int, bytes] = {}
        self._first = self._next = 0  # numbers of the first packet since forget(), and of the next one
        bench.engine.wires[nic].listen(self._leave)
        bench.machine.tracepoints.register("net_dev_start_xmit", self._start_xmit)

    async def send(self, count: int, length: int = 60, *, pause_ns: int = 0) -> None:
        """Queue so many packets of so many bytes without FCS; returns when the kernel or the driver has them.

        The thread pauses before the last one, if it is asked to.
        """
        self._bench.look_ns = self._bench.now
        task = self._bench.machine.kthread_run(self._queue(count, length, pause_ns), "sender", self._cpu)
        await self._bench.wait(lambda: task.done, 5_000_000)
        self._bench.require(
            task.done,
            "the sender is still busy after 5 ms",
            f"{count} packets are queued: the qdisc takes those for which the ring has no room",
            f"{self.queued} packets are",
        )

    def forget(self) -> None:
        """The interface went down: what has not left was dropped, and what has left is no longer of interest."""
        self._frames.clear()
        self.unmappable.clear()
        self.sent, self.queued, self._first = [], 0, self._next

    @property
    def missing(self) -> int:
        """Packets that did not leave, and could have."""
        return self.queued - len(self.sent) - len(self.unmappable)

    async def all_sent(self, within_ns: int) -> None:
        """Every packet so far leaves, once and in order.

        Raises:
            CheckFailed: one does not.
        """
        bench, queue = self._bench, self._netdev.tx_queues[0]
        await bench.wait(lambda: not self.missing, within_ns)
        bench.require(
            not self.missing or queue.state != STACK_XOFF,
            "byte queue limits have stopped the queue, and nothing will wake it",
            f"{self.queued} packets leave",
            f"{len(self.sent)} did; {queue.dql.num_queued - queue.dql.num_completed} bytes were reported as sent "
            "and not as completed",
            why="What netdev_sent_queue() was told of, netdev_completed_queue() must be told of, too.",
        )
        if self.missing and queue.state:
            raise bench.failure(
                "the queue is stopped, and nothing will wake it",
                f"{self.queued} packets leave",
                f"{len(self.sent)} did; the qdisc holds {queue.qdisc.qlen}, the driver's queue is stopped, "
                f"and nothing has left for {within_ns:,} ns",
                why="Only completions wake a queue. If the last one came before the queue was stopped, none follows.",
            )
        bench.expect("frames on the wire that are not as they were queued", 0, self.broken)
        wanted = self.queued - len(self.unmappable)
        requeues = queue.qdisc.requeues
        put_back = f"; {requeues} were put back into the qdisc (NETDEV_TX_BUSY, or a queue that was stopped)"
        bench.require(
            len(self.sent) == wanted,
            "packets that left the NIC",
            str(wanted),
            f"{len(self.sent)}" + (put_back if requeues else ""),
            why=_WHERE,
        )
        bench.require(
            self.sent == sorted(set(self.sent)),
            "packets left out of order, or twice",
            "each packet once, in the order in which they were queued",
            str(self.sent[-20:]),
        )

    async def all_freed(self, within_ns: int) -> None:
        """No packet is held by the driver any more.

        Raises:
            CheckFailed: some are.
        """
        bench = self._bench
        await bench.wait(lambda: not self.held, within_ns)
        bench.require(
            not self.held,
            f"packets that have left are not given back: {self.held}",
            f"within {within_ns:,} ns after they left, the driver frees all packets, even if no other follows",
            f"{self.held} of {self.queued} are still on its ring",
            why="A socket may send no more until its packets are freed: it waits for them, and the driver for more.",
        )

    async def _queue(self, count: int, length: int, pause_ns: int) -> None:
        for left in range(count, 0, -1):
            if left == 1:
                await spend(pause_ns)
            number = self._next
            head = _PEER + _STATION + _ETHERTYPE_EXPERIMENTAL + number.to_bytes(_NUMBER_BYTES, "big")
            data = head + self._bench.random.randbytes(length - len(head))
            skb = alloc_skb(data, self._netdev)
            assert skb is not None
            skb.destructor = self._freed
            self._frames[number] = data
            self.held += 1
            self._next += 1
            self.queued += 1
            await dev_queue_xmit(skb)
            self.last_ns = self._bench.machine.now

    def _start_xmit(self, skb: SkBuff, dev: NetDevice) -> None:
        """The driver is about to get a packet."""
        if dev is self._netdev:
            number = _number(skb.data)
            cast(PciDev, dev.parent).dma_mask = 0 if number in self.unmappable else (1 << 64) - 1

    def _freed(self, _skb: SkBuff) -> None:
        self.held -= 1

    def _leave(self, frame: SentFrame) -> None:
        number = _number(frame.data)
        if number < self._first:
            return
        if frame.bad_fcs or self._frames.pop(number, None) != frame.data:
            self.broken += 1
        else:
            self.sent.append(number)


def _number(data: bytes) -> int:
    return int.from_bytes(data[_NUMBER_AT : _NUMBER_AT + _NUMBER_BYTES], "big")
