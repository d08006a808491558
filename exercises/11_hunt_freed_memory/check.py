"""What exercise 11 demands: when ndo_stop has returned, the device writes nothing into the memory that it had."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from driver.kernel.net.netdevice import dev_close, dev_open
from emulator.exercises.bench import Bench

ROUNDS = 3
FRAMES = 150
POLL_EVERY_NS = 4_000
PATTERN = 0xA5


async def check(bench: Bench) -> None:
    """The interface goes down under traffic, and somebody else gets its memory at once."""
    netdev = await bench.call("e1000_probe", bench.pdev)
    netdev.dev_addr = bench.address()
    for _ in range(ROUNDS):
        await bench.call(dev_open(netdev))
        buffers = [buffer for buffer in netdev.priv.buffers if buffer]
        bench.send(bench.frames(FRAMES), gap_ns=700)
        await bench.run_for(POLL_EVERY_NS + bench.random.randrange(1_000))
        await bench.call("e1000_clean_rx_irq", netdev.priv)
        buffers += [buffer for buffer in netdev.priv.buffers if buffer and buffer not in buffers]
        with _reused_at_once(bench):
            await bench.call(dev_close(netdev))
        await bench.run_for(FRAMES * 700 + 60_000)
        memory = bench.machine.memory
        bad = [address for address in buffers if memory.read(address, 64) != bytes([PATTERN]) * 64]
        bench.require(
            not bad,
            "memory that was freed was written",
            f"what its new owner has put there: {PATTERN:#04x} {PATTERN:#04x} ...",
            f"{len(bad)} buffers of {len(buffers)} have changed: {memory.read(bad[0], 8).hex(' ')} ..." if bad else "",
            why="The device goes on writing until it sees that its receiver is off.",
        )
    bench.expect_nothing_left()


@contextlib.contextmanager
def _reused_at_once(bench: Bench) -> Iterator[None]:
    """Within the body, a buffer that is freed is somebody else's, who fills it."""
    frags, memory = bench.machine.frags, bench.machine.memory
    free = frags.free

    def reuse(address: int) -> None:
        free(address)
        memory.write(address, bytes([PATTERN]) * frags.SIZE)

    frags.free = reuse  # type: ignore[method-assign]
    yield
    frags.free = free  # type: ignore[method-assign]
