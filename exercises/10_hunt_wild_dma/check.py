"""What exercise 10 demands: the device writes into memory that it was given, whatever arrives while it is set up."""

from __future__ import annotations

from driver.kernel.net.netdevice import dev_close, dev_open
from emulator.exercises.bench import Bench

FRAMES = 30
GAP_NS = 1_000
POLL_EVERY_NS = 10_000

#: Physical memory below the first page that the kernel hands out: it is nobody's.
NOBODYS_BYTES = 4096


async def check(bench: Bench) -> None:
    """The network is busy while the interface comes up; then some frames for us."""
    nobodys = bench.machine.memory.read(0, NOBODYS_BYTES)
    netdev = await bench.call("e1000_probe", bench.pdev)
    netdev.dev_addr = bench.address()
    bench.send(bench.frames(FRAMES), gap_ns=GAP_NS)
    await bench.run_for(bench.random.randrange(1_000))
    await bench.call(dev_open(netdev))
    for _ in range(FRAMES * GAP_NS // POLL_EVERY_NS + 2):
        await bench.run_for(POLL_EVERY_NS)
        await bench.call("e1000_clean_rx_irq", netdev.priv)
    now = bench.machine.memory.read(0, NOBODYS_BYTES)
    changed = [place for place in range(NOBODYS_BYTES) if now[place] != nobodys[place]]
    bench.require(
        not changed,
        "memory that is nobody's was written",
        "DMA into buffers that the driver has mapped, and nowhere else",
        f"{len(changed)} bytes from {changed[0]:#06x} on have changed: {now[changed[0] :][:8].hex(' ')} ..."
        if changed
        else "",
    )
    first, frames = len(bench.delivered), bench.frames(5)
    bench.send(frames, gap_ns=GAP_NS)
    await bench.run_for(20_000)
    await bench.call("e1000_clean_rx_irq", netdev.priv)
    await bench.run_for(10_000)
    bench.expect_delivered(frames, first=first)
    await bench.call(dev_close(netdev))
    bench.expect_nothing_left()
