"""Exercise 19: bursts of packets all arrive, and the interrupt is masked while they are polled."""

from __future__ import annotations

from emulator.exercises.bench import Bench
from emulator.exercises.interface import bring_up, napi_of, nothing_leaked, receive_bursts, take_down


async def check(bench: Bench) -> None:
    """Single packets, then bursts; and fewer interrupts than packets."""
    netdev = await bring_up(bench)
    await receive_bursts(bench, [1, 1, 2, 1])
    before = bench.interrupts()
    frames = await receive_bursts(bench, [8, 30, 8, 16], sizes=(60,))
    interrupts = bench.interrupts() - before
    bench.require(
        interrupts < len(frames),
        "as many interrupts as packets in a burst",
        f"less than {len(frames)} interrupts for {len(frames)} packets",
        f"{interrupts} interrupts",
        why="While poll() runs the interrupt is to be masked: one stands for all packets until it is unmasked.",
    )
    bench.note(f"{len(frames)} packets, {interrupts} interrupts, {napi_of(netdev).polls} polls")
    await take_down(bench, netdev)
    nothing_leaked(bench)
