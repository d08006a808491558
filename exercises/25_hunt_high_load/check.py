"""Exercise 25: single packets, then a burst of three budgets, then silence."""

from __future__ import annotations

from emulator.exercises.bench import Bench
from emulator.exercises.interface import bring_up, nothing_leaked, pass_time, receive_bursts, take_down

_BURST = 200


async def check(bench: Bench) -> None:
    """A burst on a slow CPU: the last packet is there long before the first poll is over."""
    netdev = await bring_up(bench)
    await receive_bursts(bench, [1, 3, 20])
    for _ in range(2):
        first = len(bench.delivered)
        frames = bench.frames(_BURST)
        bench.send(frames)
        await pass_time(bench, 1_000_000)
        bench.expect_delivered(frames, first=first, why="They are in the ring, and the wire is silent.")
    await take_down(bench, netdev)
    nothing_leaked(bench)
