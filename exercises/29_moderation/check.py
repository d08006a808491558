"""Exercise 29: a stream of packets, and single ones: how many interrupts, and how long the packets wait."""

from __future__ import annotations

from emulator.exercises.bench import Bench
from emulator.exercises.interface import bring_up, nothing_leaked, pass_time, take_down, wait_for_packets

_MOST_PER_S = 8_000
_PATIENCE_NS = 150_000

_STREAM, _GAP_NS = 200, 10_000
_LONE, _PAUSE_NS = 4, 300_000
_LONE_PATIENCE_NS = 20_000  # bus, interrupt, poll


async def check(bench: Bench) -> None:
    """A stream of 100,000 packets per second for 2 ms; then packets with silence between them."""
    netdev = await bring_up(bench)
    interrupts, longest = await _stream(bench, _STREAM, _GAP_NS)
    most = _MOST_PER_S * _STREAM * _GAP_NS // 10**9 + 2
    bench.note(f"a stream of {_STREAM} packets: {interrupts} interrupts, a packet waited {longest:,} ns at most")
    bench.require(
        interrupts <= most,
        f"too many interrupts: {interrupts}",
        f"at most {_MOST_PER_S:,} per second, {most} for {_STREAM} packets in {_STREAM * _GAP_NS:,} ns",
        f"{interrupts}",
        why="ITR is the least time from one interrupt to the next, in units of 256 ns.",
    )
    bench.require(
        longest <= _PATIENCE_NS,
        f"a packet of the stream waited {longest:,} ns",
        f"at most {_PATIENCE_NS:,} ns from the wire to the stack",
        f"{longest:,} ns",
        why="A timer that starts anew with each packet never ends in a stream; and one that is too long delays all.",
    )
    await pass_time(bench, _PAUSE_NS)
    _, longest = await _stream(bench, _LONE, _PAUSE_NS)
    bench.note(f"packets after {_PAUSE_NS:,} ns of silence: one waited {longest:,} ns at most")
    bench.require(
        longest <= _LONE_PATIENCE_NS,
        f"a lone packet waited {longest:,} ns",
        f"at most {_LONE_PATIENCE_NS:,} ns after silence: the last interrupt is long ago",
        f"{longest:,} ns",
        why="A limit on the rate costs a lone packet nothing; a delay of each interrupt costs it all of the delay.",
    )
    await take_down(bench, netdev)
    nothing_leaked(bench)


async def _stream(bench: Bench, count: int, gap_ns: int) -> tuple[int, int]:
    """Send packets; returns how many interrupts came, and how long a packet took at most, in ns."""
    first, before, start = len(bench.delivered), bench.interrupts(), bench.now
    frames = bench.frames(count)
    bench.send(frames, gap_ns=gap_ns)
    await wait_for_packets(bench, first + count, count * gap_ns + 2_200_000)
    bench.expect_delivered(frames, first=first)
    times = [packet.time_ns for packet in bench.delivered[first:]]
    return bench.interrupts() - before, max(time - start - number * gap_ns for number, time in enumerate(times))
