"""Exercise 23: for two milliseconds there is no memory for buffers, and packets come all the same."""

from __future__ import annotations

from emulator.exercises.bench import Bench
from emulator.exercises.interface import bring_up, napi_of, nothing_leaked, pass_time, receive_bursts, take_down

_DROUGHT_NS = 2_000_000
_PACKETS = 350  # more than the ring has buffers


async def check(bench: Bench) -> None:
    """Packets while there is memory, while there is none, and afterwards."""
    netdev = await bring_up(bench)
    await receive_bursts(bench, [1, 20])
    await _drought(bench, netdev.napi_list[0].polls)
    await receive_bursts(bench, [5, 40])
    await take_down(bench, netdev)
    nothing_leaked(bench)


async def _drought(bench: Bench, polls_before: int) -> None:
    """No memory for a while; what comes then may be dropped, and the CPU is not to be kept busy."""
    frags = bench.machine.frags
    alloc, frags.alloc = frags.alloc, lambda: 0  # type: ignore[method-assign]
    bench.send(bench.frames(_PACKETS), gap_ns=_DROUGHT_NS // 2 // _PACKETS)
    await pass_time(bench, _DROUGHT_NS)
    frags.alloc = alloc  # type: ignore[method-assign]
    polls = napi_of(bench.machine.netdevs[0]).polls - polls_before
    bench.require(
        polls <= 2 * _PACKETS,
        "too many polls while there is no memory",
        f"at most {2 * _PACKETS} polls for {_PACKETS} packets",
        f"{polls} polls in {_DROUGHT_NS:,} ns",
        why="A poll that returns its budget is called again at once: a CPU is busy until there is memory.",
    )
    await pass_time(bench, 200_000)
    bench.note(f"{_PACKETS} packets without memory: {polls} polls, {len(bench.delivered) - 21} reached the stack")
