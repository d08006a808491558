"""Exercise 22: a second packet arrives at all times between the first one's interrupt and the end of its poll."""

from __future__ import annotations

from emulator.exercises.bench import Bench
from emulator.exercises.interface import bring_up, nothing_leaked, receive_bursts, take_down, wait_for_packets
from emulator.wire_timing import MIN_FRAME_BYTES
from hdl.nic.regmap import ICR, IMS

_PAIRS = 64
_FIRST_GAP_NS, _STEP_NS = 800, 140
_QUIET_NS = 20_000

#: From the frame's start on the wire to the stack, in ns: what interrupt and poll take on any of the machines.
_PATIENCE_NS = 20_000


async def check(bench: Bench) -> None:
    """Pairs of packets, the second one a little later each time; none may wait until the next pair comes."""
    netdev = await bring_up(bench)
    for pair in range(_PAIRS):
        gap_ns = _FIRST_GAP_NS + pair * _STEP_NS + bench.random.randrange(_STEP_NS)
        await _send_pair(bench, gap_ns)
    await receive_bursts(bench, [2, 5])
    await take_down(bench, netdev)
    nothing_leaked(bench)


async def _send_pair(bench: Bench, gap_ns: int) -> None:
    first, start = len(bench.delivered), bench.now
    frames = bench.frames(2, sizes=(MIN_FRAME_BYTES,))
    bench.send(frames, gap_ns=gap_ns)
    await wait_for_packets(bench, first + 2, gap_ns + _PATIENCE_NS)
    arrived = start + gap_ns
    if len(bench.delivered) < first + 2:
        look = bench.delivered[first].time_ns if len(bench.delivered) > first else start
        cleared = [access for access in bench.accesses if access.offset == ICR.offset and access.time_ns > look]
        unmasked = [access for access in bench.accesses if access.offset == IMS.offset and access.time_ns > look]
        raise bench.failure(
            f"a packet lay in the ring for more than {_PATIENCE_NS:,} ns, and no interrupt came for it",
            f"it starts on the wire at {arrived:,} ns, and is at netif_receive_skb by {arrived + _PATIENCE_NS:,} ns",
            "the packet before it reached the stack at "
            f"{look:,} ns; "
            + "; ".join(
                [f"ICR was read or written at {access.time_ns:,} ns" for access in cleared]
                + [f"IMS was written at {access.time_ns:,} ns" for access in unmasked]
            ),
            why="Compare, in the waveform, when its descriptor is written, when the driver looked at the ring for the "
            "last time, and what clears ICR in between.",
        )
    await bench.run_for(bench.random.randrange(_QUIET_NS // 2, _QUIET_NS))
