"""What exercise 5 demands: whoever shares the line may interrupt at any time; and the driver follows the link."""

from __future__ import annotations

from emulator.exercises.bench import Bench
from emulator.exercises.shared_line import SharedLine

TOGGLES = 4

#: Interrupts of the other device.
TIMES = 20


async def check(bench: Bench) -> None:
    """Another device on the line is busy while the driver is loaded."""
    other = SharedLine(bench)
    await bench.call(other.request())
    other.interrupt_every(700 + bench.random.randrange(600), TIMES)
    adapter = await bench.call("e1000_probe", bench.pdev)
    handlers = len(bench.machine.irqs.desc(bench.pdev.irq).actions)
    bench.require(
        handlers == 2,
        "the driver's handler is not on the line",
        "two handlers: the other device's and the driver's",
        f"{handlers}: the line is shared, and request_irq returned an error",
    )
    for _ in range(TOGGLES):
        await bench.call("e1000_toggle_link", adapter)
        await bench.run_for(20_000)
    bench.expect("changes of the link that the driver saw", TOGGLES, adapter.link.changes)
    await bench.wait(lambda: other.over, within_ns=200_000)
    bench.expect("interrupts of the other device that it saw", other.raised, other.handled)
