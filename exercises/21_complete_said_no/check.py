"""Exercise 21: gro_flush_timeout and napi_defer_hard_irqs: a timer polls, and the interrupt stays masked."""

from __future__ import annotations

from emulator.exercises.bench import Bench
from emulator.exercises.interface import bring_up, napi_of, nothing_leaked, pass_time, receive_bursts, take_down

_FLUSH_TIMEOUT_NS = 30_000  # longer than packets of the stream are apart
_DEFER_HARD_IRQS = 2  # empty polls until the interrupt is unmasked
_STREAM, _GAP_NS = 40, 20_000


async def check(bench: Bench) -> None:
    """A stream of packets that comes faster than the timer: the first interrupts, the rest is polled."""
    netdev = await bring_up(bench)
    await receive_bursts(bench, [1, 3])
    napi = napi_of(netdev)
    napi.gro_flush_timeout, napi.defer_hard_irqs = _FLUSH_TIMEOUT_NS, _DEFER_HARD_IRQS  # as sysfs and netlink do
    first, before = len(bench.delivered), bench.interrupts()
    frames = bench.frames(_STREAM)
    bench.send(frames, gap_ns=_GAP_NS)
    await pass_time(bench, _STREAM * _GAP_NS + 10 * _FLUSH_TIMEOUT_NS)
    bench.expect_delivered(frames, first=first)
    interrupts = bench.interrupts() - before
    bench.require(
        interrupts <= 3,
        "too many interrupts in a stream that the timer polls",
        f"at most 3 interrupts for {_STREAM} packets {_GAP_NS:,} ns apart, with napi_defer_hard_irqs "
        f"{_DEFER_HARD_IRQS} and gro_flush_timeout {_FLUSH_TIMEOUT_NS:,}",
        f"{interrupts} interrupts",
        why="The kernel keeps the interrupt masked after polls that found packets; poll() must tell it how many.",
    )
    bench.note(f"{_STREAM} packets, {interrupts} interrupts")
    await receive_bursts(bench, [1, 1])
    await take_down(bench, netdev)
    nothing_leaked(bench)
