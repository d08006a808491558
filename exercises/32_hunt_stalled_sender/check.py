"""Exercise 32: packets in bulks, and now and then one whose buffer the device cannot reach."""

from __future__ import annotations

from emulator.exercises.bench import Bench
from emulator.exercises.interface import bring_up, nothing_leaked, take_down
from emulator.exercises.sender import Sender
from hdl.nic.regmap import TDT

_ROUNDS, _PACKETS = 6, 60


async def check(bench: Bench) -> None:
    """Rounds of packets; in the second half the last packet of each round cannot be mapped."""
    netdev = await bring_up(bench)
    sender = Sender(bench, netdev)
    for number in range(_ROUNDS):
        count = _PACKETS + bench.random.randrange(20)
        if number >= _ROUNDS // 2:
            sender.unmappable.add(sender.queued + count - 1)
        await sender.send(count, 300)
        await sender.all_sent(3_000_000)
        await sender.all_freed(1_000_000)
    doorbells = sum(access.write and access.offset == TDT.offset for access in bench.accesses)
    bench.require(
        doorbells < sender.queued * 9 // 10,
        "a doorbell for each packet",
        f"for {sender.queued} packets in bulks, less than {sender.queued * 9 // 10} writes of TDT",
        f"{doorbells}",
        why="A doorbell is slow, and one is enough for many: netdev_xmit_more() says whether another packet follows.",
    )
    bench.note(f"{sender.queued} packets, {doorbells} doorbells")
    await take_down(bench, netdev)
    nothing_leaked(bench)
