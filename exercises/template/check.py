"""What exercise NN demands: in one line."""

from __future__ import annotations

from driver.kernel.net.netdevice import dev_close, dev_open
from emulator.exercises.bench import Bench

FRAMES = 10

#: The last writes of ndo_open are on their way for so long.
SETTLE_NS = 5_000


async def check(bench: Bench) -> None:
    """What is done with the driver."""
    netdev = await bench.call("e1000_probe", bench.pdev)
    netdev.dev_addr = bench.address()
    await bench.call(dev_open(netdev))
    await bench.run_for(SETTLE_NS)
    frames = bench.frames(FRAMES)
    bench.send(frames, gap_ns=10_000)
    await bench.run_for(FRAMES * 10_000 + 20_000)
    bench.expect_delivered(frames, why="What it means if they did not arrive.")
    await bench.call(dev_close(netdev))
    bench.expect_nothing_left()
