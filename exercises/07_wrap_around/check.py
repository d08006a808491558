"""What exercise 7 demands: a ring of eight takes forty frames, and more, in order."""

from __future__ import annotations

from driver.kernel.net.netdevice import dev_close, dev_open
from emulator.exercises.bench import Bench

FRAMES = 44

#: The ring is looked at now and then, in ns; fewer frames than it has descriptors arrive in between.
POLL_NS = (3_000, 15_000)
GAP_NS = 3_000

#: The last writes of ndo_open are on their way for so long.
SETTLE_NS = 5_000


async def check(bench: Bench) -> None:
    """Frames at an even pace, and polls."""
    netdev = await bench.call("e1000_probe", bench.pdev)
    netdev.dev_addr = bench.address()
    await bench.call(dev_open(netdev))
    await bench.run_for(SETTLE_NS)
    frames = bench.frames(FRAMES, sizes=(60, 120, 200))
    bench.send(frames, gap_ns=GAP_NS)
    end = bench.now + FRAMES * GAP_NS + 3 * max(POLL_NS)
    while bench.now < end:
        await bench.run_for(bench.random.randint(*POLL_NS))
        await bench.call("e1000_clean_rx_irq", netdev.priv)
    await bench.run_for(10_000)
    bench.expect_delivered(frames)
    await bench.call(dev_close(netdev))
    bench.expect_nothing_left()
