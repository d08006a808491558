"""What exercise 12 demands: packets reach the stack without anybody polling; and the interface goes down clean."""

from __future__ import annotations

from driver.kernel.net.netdevice import dev_close, dev_open
from emulator.exercises.bench import Bench

FRAMES = 12
GAP_NS = 20_000

#: The last writes of ndo_open are on their way for so long.
SETTLE_NS = 5_000


async def check(bench: Bench) -> None:
    """Up, packets with time between them, down; twice."""
    netdev = await bench.call("e1000_probe", bench.pdev)
    netdev.dev_addr = bench.address()
    for _ in range(2):
        error = await bench.call(dev_open(netdev))
        bench.expect("what ndo_open returns", 0, error)
        await bench.run_for(SETTLE_NS)
        first, interrupts = len(bench.delivered), bench.interrupts()
        frames = bench.frames(FRAMES)
        bench.send(frames, gap_ns=GAP_NS)
        await bench.run_for(FRAMES * GAP_NS + 20_000)
        bench.expect_delivered(frames, first=first, why="Nobody polls: only the handler takes packets off the ring.")
        bench.expect("interrupts for packets that are far apart", FRAMES, bench.interrupts() - interrupts)
        await bench.call(dev_close(netdev))
        bench.expect("handlers that are left on the line", 0, len(bench.machine.irqs.desc(bench.pdev.irq).actions))
        bench.expect_nothing_left()
