"""Exercise 28: down and up again, at random times, on a wire that is never silent."""

from __future__ import annotations

from driver.kernel.irq import irq_set_affinity
from driver.kernel.net.netdevice import dev_open
from emulator.exercises.bench import Bench
from emulator.exercises.interface import (
    SETTLE_NS,
    bring_up,
    napi_of,
    nothing_leaked,
    pass_time,
    receive_bursts,
    take_down,
)

_FLOODS = (200, 40, 200, 60)  # packets at line rate: of several budgets, and of less than one


async def check(bench: Bench) -> None:
    """Whenever it happens, nothing is left, the line is silent, and the interface comes up again."""
    netdev = await bring_up(bench)
    irq_set_affinity(bench.machine, bench.pdev.irq, 0b10)  # it is polled on one CPU while another takes it down
    for number, flood in enumerate(_FLOODS):
        bench.send(bench.frames(flood))
        polls = napi_of(netdev).polls
        await bench.wait(lambda polls=polls: napi_of(netdev).polls > polls, 100_000)  # type: ignore[misc]
        await bench.run_for(bench.random.randrange(40_000))
        await take_down(bench, netdev)
        nothing_leaked(bench)
        interrupts = bench.interrupts()
        await pass_time(bench, 300_000)
        bench.expect(
            "interrupts of a device whose interface is down",
            0,
            bench.interrupts() - interrupts,
            why="Nobody handles them: on a shared line the kernel turns it off for all.",
        )
        error = await bench.call(dev_open(netdev), comm="ip")
        bench.expect(f"what ndo_open returns when the interface comes up for the {number + 2}. time", 0, error)
        await pass_time(bench, SETTLE_NS)
        await receive_bursts(bench, [1, 20])
    await take_down(bench, netdev)
    nothing_leaked(bench)
