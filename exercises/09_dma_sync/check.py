"""What exercise 9 demands: small packets are copied out of buffers that stay mapped; large ones take theirs along."""

from __future__ import annotations

from driver.kernel.net.netdevice import dev_close, dev_open
from emulator.exercises.bench import Bench

FRAMES = 40
GAP_NS = 13_000
POLL_EVERY_NS = 30_000
SMALL, LARGE = (60, 200, 256), (257, 1000, 1514)

#: The last writes of ndo_open are on their way for so long.
SETTLE_NS = 5_000


async def check(bench: Bench) -> None:
    """Small packets, large ones, and both."""
    netdev = await bench.call("e1000_probe", bench.pdev)
    netdev.dev_addr = bench.address()
    await bench.call(dev_open(netdev))
    await bench.run_for(SETTLE_NS)
    undone = 0
    unmapped = bench.checker.dma.unmapped

    def count(*arguments: object) -> None:
        nonlocal undone
        undone += 1
        unmapped(*arguments)  # type: ignore[arg-type]

    bench.checker.dma.unmapped = count  # type: ignore[method-assign]
    for sizes in (SMALL, LARGE, SMALL + LARGE):
        first, before = len(bench.delivered), undone
        frames = bench.frames(FRAMES, sizes=sizes)
        bench.send(frames, gap_ns=GAP_NS)
        for _ in range(FRAMES * GAP_NS // POLL_EVERY_NS + 3):
            await bench.run_for(POLL_EVERY_NS)
            await bench.call("e1000_clean_rx_irq", netdev.priv)
        await bench.run_for(10_000)
        bench.expect_delivered(frames, first=first)
        large = sum(len(frame) > max(SMALL) for frame in frames)
        bench.expect(
            f"mappings that were undone for {FRAMES - large} small and {large} large packets",
            large,
            undone - before,
            why="A mapping costs more than a small copy, with an IOMMU much more: that is what copybreak is for.",
        )
    await bench.call(dev_close(netdev))
    bench.expect_nothing_left()
