"""What exercise 15 demands: each cause that is enabled is acknowledged; a link that changes costs one interrupt."""

from __future__ import annotations

from driver.kernel.cpu import Account
from driver.kernel.net.netdevice import dev_close, dev_open
from emulator.exercises.bench import Bench

TOGGLES = 4
FRAMES = 8
LOOK_NS = 60_000

#: One for each change, and one more if it came while the handler ran.
MOST_PER_CHANGE = 2


async def check(bench: Bench) -> None:
    """The link goes down and up; then packets."""
    netdev = await bench.call("e1000_probe", bench.pdev)
    netdev.dev_addr = bench.address()
    await bench.call(dev_open(netdev))
    adapter = netdev.priv
    await bench.run_for(LOOK_NS)
    opened = bench.interrupts()
    _no_storm(bench, "when the interface has come up", opened, MOST_PER_CHANGE, 0)
    changes = adapter.link_changes
    for _ in range(TOGGLES):
        before, hardirq = bench.interrupts(), bench.cpu_ns()[Account.HARDIRQ]
        await bench.call("e1000_toggle_link", adapter, comm="ip")
        await bench.run_for(LOOK_NS)
        _no_storm(bench, "when the link has changed", bench.interrupts() - before, MOST_PER_CHANGE, hardirq)
    bench.expect("changes of the link that the driver saw", TOGGLES, adapter.link_changes - changes)
    frames = bench.frames(FRAMES)
    bench.send(frames, gap_ns=10_000)
    await bench.run_for(FRAMES * 10_000 + 20_000)
    bench.expect_delivered(frames)
    await bench.call(dev_close(netdev))
    bench.expect_nothing_left()


def _no_storm(bench: Bench, when: str, interrupts: int, most: int, hardirq_before: int) -> None:
    share = 100 * (bench.cpu_ns()[Account.HARDIRQ] - hardirq_before) // LOOK_NS
    bench.require(
        interrupts <= most,
        f"an interrupt storm {when}",
        f"{most} interrupts at most within {LOOK_NS:,} ns",
        f"{interrupts}; the CPU spends {min(share, 100)} % of its time in hardirqs",
        why="The line is a level: while an enabled cause is latched, the interrupt comes again as soon as it ends.",
    )
