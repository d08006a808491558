"""Exercise 34: all that the exercises before asked for, in an order that the seed chooses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from driver.kernel.irq import irq_set_affinity
from driver.kernel.net.napi import NapiThreaded
from driver.kernel.net.netdevice import NetDevice, dev_open
from driver.kernel.net.netpoll import netpoll_poll_dev
from driver.kernel.net.threaded import netif_set_threaded
from emulator.engines.base import WireFrame
from emulator.exercises.bench import Bench
from emulator.exercises.interface import (
    SETTLE_NS,
    bring_up,
    napi_of,
    nothing_leaked,
    pass_time,
    receive_bursts,
    take_down,
)
from emulator.exercises.sender import Sender
from emulator.wire_timing import PS_PER_NS

_SIZES = (60, 61, 64, 65, 127, 128, 600, 1514)


async def check(bench: Bench) -> None:
    """Every question once, in random order; then the easy ones again, to see what is left of the others."""
    exam = _Exam(bench, await bring_up(bench))
    irq_set_affinity(bench.machine, bench.pdev.irq, 1 << bench.random.randrange(2))
    questions: list[Callable[[], Awaitable[None]]] = [
        exam.receive,
        exam.send,
        exam.both_ways,
        exam.bad_frames,
        exam.no_memory,
        exam.netpoll,
        exam.threaded,
        exam.deferred,
        exam.down_under_traffic,
    ]
    bench.random.shuffle(questions)
    for question in [*questions, exam.receive, exam.send]:
        await question()
    await take_down(bench, exam.netdev)
    nothing_leaked(bench)


class _Exam:
    """The questions."""

    def __init__(self, bench: Bench, netdev: NetDevice) -> None:
        self.bench, self.netdev = bench, netdev
        self.sender = Sender(bench, netdev)

    async def receive(self) -> None:
        """Bursts of all sizes."""
        bursts = [self.bench.random.randrange(1, 40) for _ in range(3)]
        await receive_bursts(self.bench, [1, *bursts], sizes=_SIZES)

    async def send(self) -> None:
        """More than any ring has room for."""
        await self.sender.send(self.bench.random.randrange(150, 200), 100)
        await self._all_sent()

    async def both_ways(self) -> None:
        """At the same time."""
        bench = self.bench
        first = len(bench.delivered)
        frames = bench.frames(80, sizes=_SIZES)
        bench.send(frames, gap_ns=bench.random.randrange(2_000, 5_000))
        for _ in range(6):
            await self.sender.send(bench.random.randrange(1, 30), bench.random.choice(_SIZES))
            await bench.run_for(bench.random.randrange(20_000))
        await self._all_sent()
        await pass_time(bench, 500_000)
        bench.expect_delivered(frames, first=first)

    async def bad_frames(self) -> None:
        """Frames with a wrong FCS between good ones."""
        bench = self.bench
        first, good = len(bench.delivered), []
        for frame in bench.frames(30, sizes=_SIZES):
            bad = bench.random.random() < 0.4
            bench.engine.wires[0].send([WireFrame(frame, bench.now * PS_PER_NS, bad)])
            good += [] if bad else [frame]
        await pass_time(bench, 450_000)
        bench.expect_delivered(good, first=first)

    async def no_memory(self) -> None:
        """No buffers for a while: packets may be lost, and nothing else."""
        bench, frags = self.bench, self.bench.machine.frags
        alloc, frags.alloc = frags.alloc, lambda: 0  # type: ignore[method-assign]
        bench.send(bench.frames(200), gap_ns=2_000)
        await pass_time(bench, 500_000)
        frags.alloc = alloc  # type: ignore[method-assign]
        await pass_time(bench, 200_000)
        await self.receive()

    async def netpoll(self) -> None:
        """Polls with a budget of 0 while packets come and go."""
        bench = self.bench
        first, frames = len(bench.delivered), bench.frames(50)
        bench.send(frames, gap_ns=3_000)
        for _ in range(12):
            await self.sender.send(2, pause_ns=bench.random.randrange(2_000))
            for _ in range(5):
                await bench.call(netpoll_poll_dev(self.netdev), comm="netconsole")
        await pass_time(bench, 200_000)
        bench.expect_delivered(frames, first=first)
        await self._all_sent()

    async def threaded(self) -> None:
        """A thread polls."""
        await self.bench.call(netif_set_threaded(self.netdev, NapiThreaded.ENABLED), comm="sh")
        await self.receive()
        await self.send()
        await self.bench.call(netif_set_threaded(self.netdev, NapiThreaded.DISABLED), comm="sh", within_ns=200_000_000)

    async def deferred(self) -> None:
        """gro_flush_timeout and napi_defer_hard_irqs."""
        napi = napi_of(self.netdev)
        napi.gro_flush_timeout, napi.defer_hard_irqs = 40_000, 2
        await self.receive()
        await self.send()
        napi.gro_flush_timeout = napi.defer_hard_irqs = 0
        await pass_time(self.bench, 200_000)

    async def down_under_traffic(self) -> None:
        """Packets both ways; down, in the midst of it; up."""
        bench = self.bench
        for _ in range(2):
            bench.send(bench.frames(120))
            await self.sender.send(40, 600)
            await bench.run_for(bench.random.randrange(100_000))
            await take_down(bench, self.netdev)
            nothing_leaked(bench)
            await pass_time(bench, 200_000)
            self.sender.forget()
            bench.expect("what ndo_open returns, after down", 0, await bench.call(dev_open(self.netdev), comm="ip"))
            await pass_time(bench, SETTLE_NS)
        await self.receive()
        await self.send()

    async def _all_sent(self) -> None:
        await self.sender.all_sent(8_000_000)
        await self.sender.all_freed(1_000_000)
