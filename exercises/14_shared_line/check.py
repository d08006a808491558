"""What exercise 14 demands: the driver shares its line, claims its own interrupts, and no others."""

from __future__ import annotations

from driver.kernel.net.netdevice import dev_close, dev_open
from emulator.exercises.bench import Bench
from emulator.exercises.shared_line import SharedLine

FRAMES = 20
GAP_NS = 11_000
TIMES = 40

#: The last writes of ndo_open are on their way for so long.
SETTLE_NS = 5_000


async def check(bench: Bench) -> None:
    """A disk on the same line, busy while packets arrive and while none does."""
    disk = SharedLine(bench)
    await bench.call(disk.request())
    netdev = await bench.call("e1000_probe", bench.pdev)
    netdev.dev_addr = bench.address()
    error = await bench.call(dev_open(netdev))
    bench.require(
        not error,
        "request_irq",
        "0: a PCI line is shared",
        f"error {error}: the disk has the line, and shares it only with those who share",
    )
    await bench.run_for(SETTLE_NS)
    disk.interrupt_every(4_000 + bench.random.randrange(500), TIMES)
    frames = bench.frames(FRAMES)
    bench.send(frames, gap_ns=GAP_NS)
    await bench.run_for(FRAMES * GAP_NS + 20_000)
    await bench.wait(lambda: disk.over, within_ns=500_000)
    bench.expect_delivered(frames)
    bench.expect("interrupts of the disk that its handler saw", disk.raised, disk.handled)
    await bench.call(dev_close(netdev))
    bench.expect_nothing_left()
