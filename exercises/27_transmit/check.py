"""Exercise 27: two CPUs, one sends and the other reclaims; a ring that is always full, and hits the race."""

from __future__ import annotations

from driver.kernel.irq import irq_set_affinity
from emulator.exercises.bench import Bench
from emulator.exercises.interface import bring_up, nothing_leaked, take_down
from emulator.exercises.sender import Sender

_FULL = 7  # packets that the ring holds
_TRIES, _STEP_NS = 34, 120

#: So long before the others are reclaimed the eighth packet is first queued, in ns; its way to the driver takes time.
_LEAD_NS = 3_000

_LOOK_NS = 100


async def check(bench: Bench) -> None:
    """A few packets, a burst through a short ring, and one packet at all times around the end of seven others."""
    netdev = await bring_up(bench)
    irq_set_affinity(bench.machine, bench.pdev.irq, 0b10)
    sender = Sender(bench, netdev)
    for count in (1, 3, 5):
        await sender.send(count, 100)
        await sender.all_sent(1_000_000)
        await sender.all_freed(1_000_000)
    await sender.send(60, 200)
    await sender.all_sent(10_000_000)
    await sender.all_freed(1_000_000)
    reclaimed_ns = await _time_to_reclaim(bench, sender)
    for number in range(_TRIES):
        await sender.send(_FULL + 1, pause_ns=reclaimed_ns - _LEAD_NS + number * _STEP_NS)
        await sender.all_sent(400_000)
        await sender.all_freed(400_000)
    bench.note(f"{sender.queued} packets, {bench.interrupts()} interrupts")
    await take_down(bench, netdev)
    nothing_leaked(bench)


async def _time_to_reclaim(bench: Bench, sender: Sender) -> int:
    """How long it takes from the last packet that fills the ring until all are reclaimed, in ns."""
    await sender.send(_FULL)
    while sender.held and bench.now < sender.last_ns + 100_000:
        await bench.run_for(_LOOK_NS)
    await sender.all_freed(1_000_000)
    return bench.now - sender.last_ns
