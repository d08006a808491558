"""What exercise 6 demands: three frames that arrive in a ring of eight reach the stack by polling."""

from __future__ import annotations

from driver.kernel.net.netdevice import dev_close, dev_open
from emulator.exercises.bench import Bench

FRAMES = 3


async def check(bench: Bench) -> None:
    """Open, receive, poll, close."""
    netdev = await bench.call("e1000_probe", bench.pdev)
    netdev.dev_addr = bench.address()
    await bench.call(dev_open(netdev))
    packets = await bench.call("e1000_clean_rx_irq", netdev.priv)
    bench.expect("packets taken off a ring in which nothing has arrived", 0, packets)
    frames = bench.frames(FRAMES, sizes=(60, 61, 300, 1514))
    bench.send(frames)
    await bench.run_for(60_000)
    packets = await bench.call("e1000_clean_rx_irq", netdev.priv)
    await bench.run_for(10_000)
    bench.expect_delivered(frames)
    bench.expect("what e1000_clean_rx_irq returns", FRAMES, packets)
    await bench.call(dev_close(netdev))
    bench.expect_nothing_left()
