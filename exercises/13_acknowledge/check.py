"""What exercise 13 demands: a packet that arrives at any moment while the handler runs is not forgotten."""

from __future__ import annotations

from driver.kernel.net.netdevice import dev_close, dev_open
from emulator.exercises.bench import Bench

ROUNDS = 60
SILENCE_NS = 15_000

#: From the start of the first frame of a pair to that of the second: somewhere in the handler.
SECOND_NS = (700, 5_000)


async def check(bench: Bench) -> None:
    """Pairs of packets, and silence behind each pair: no later packet brings the second one up."""
    netdev = await bench.call("e1000_probe", bench.pdev)
    netdev.dev_addr = bench.address()
    await bench.call(dev_open(netdev))
    await bench.run_for(SILENCE_NS)
    for _ in range(ROUNDS):
        first, frames = len(bench.delivered), bench.frames(2)
        bench.send(frames[:1])
        bench.send(frames[1:], after_ns=bench.random.randint(*SECOND_NS))
        await bench.run_for(SILENCE_NS)
        bench.expect_delivered(
            frames,
            first=first,
            why="Its cause was cleared behind the handler's last look at the ring: nobody comes any more.",
        )
    await bench.call(dev_close(netdev))
    bench.expect_nothing_left()
