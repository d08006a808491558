"""Exercise 20: a slow CPU, packets at line rate: polls use up their budget."""

from __future__ import annotations

from emulator.exercises.bench import Bench
from emulator.exercises.interface import bring_up, napi_of, nothing_leaked, receive_bursts, take_down


async def check(bench: Bench) -> None:
    """A burst that is longer than the budget, and shorter than the ring."""
    netdev = await bring_up(bench)
    await receive_bursts(bench, [5, 1])
    frames = await receive_bursts(bench, [200, 3, 190], sizes=(60,))
    napi = napi_of(netdev)
    bench.require(
        napi.exhausted > 0,
        "no poll used up its budget",
        f"with {len(frames)} packets at line rate, some polls return 64",
        f"{napi.polls} polls, none of them returned its budget",
    )
    bench.note(f"{napi.polls} polls, {napi.exhausted} of them used up their budget")
    await take_down(bench, netdev)
    nothing_leaked(bench)
