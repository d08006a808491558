"""What exercise 18 demands: the driver hears, after bursts as before them."""

from __future__ import annotations

from driver.kernel.net.netdevice import dev_close, dev_open
from emulator.exercises.bench import Bench

ROUNDS = 12
BURST = 6
SILENCE_NS = 40_000


async def check(bench: Bench) -> None:
    """Bursts of packets, and silence between them."""
    netdev = await bench.call("e1000_probe", bench.pdev)
    netdev.dev_addr = bench.address()
    await bench.call(dev_open(netdev))
    await bench.run_for(SILENCE_NS)
    for number in range(ROUNDS):
        first, frames = len(bench.delivered), bench.frames(BURST)
        bench.send(frames, gap_ns=bench.random.randint(700, 2_500))
        await bench.run_for(SILENCE_NS)
        missing = first + BURST - len(bench.delivered)
        interrupts = bench.interrupts()
        if missing:
            bench.send(bench.frames(1))
            await bench.run_for(SILENCE_NS)
        bench.require(
            not missing or bench.interrupts() > interrupts,
            f"the interface is deaf after {number + 1} bursts",
            f"{BURST} packets at netif_receive_skb, and an interrupt for one more that comes later",
            f"{BURST - missing} packets; {interrupts} interrupts so far, and no more come",
            why="The device is masked, and nobody is going to unmask it.",
        )
        bench.expect_delivered(frames, first=first)
    await bench.call(dev_close(netdev))
    bench.expect_nothing_left()
