"""What exercise 17 demands: packets arrive, and the link is followed, whatever comes at the same time."""

from __future__ import annotations

from driver.kernel.net.netdevice import dev_close, dev_open
from emulator.exercises.bench import Bench

ROUNDS = 40
SILENCE_NS = 20_000

#: From when somebody is to look at the link to the start of the frame.
AFTER_NS = (0, 2_500)


async def check(bench: Bench) -> None:
    """A packet, and at about the same time somebody looks at the link; then silence."""
    netdev = await bench.call("e1000_probe", bench.pdev)
    netdev.dev_addr = bench.address()
    await bench.call(dev_open(netdev))
    await bench.run_for(SILENCE_NS)
    adapter = netdev.priv
    await bench.call("e1000_check_link", adapter, comm="kworker")
    before = adapter.link_changes
    for number in range(ROUNDS):
        first, frames = len(bench.delivered), bench.frames(1)
        bench.send(frames, after_ns=bench.random.randint(*AFTER_NS))
        await bench.call("e1000_check_link", adapter, comm="kworker")
        await bench.run_for(SILENCE_NS)
        bench.expect_delivered(
            frames,
            first=first,
            why=f"It is in the ring since {SILENCE_NS:,} ns, and no interrupt says so (packet {number}).",
        )
    await bench.call("e1000_toggle_link", adapter, comm="ip")
    await bench.run_for(SILENCE_NS)
    await bench.call("e1000_check_link", adapter, comm="kworker")
    bench.expect("changes of the link that the driver saw", 1, adapter.link_changes - before)
    await bench.call(dev_close(netdev))
    bench.expect_nothing_left()
