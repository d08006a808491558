"""What exercise 3 demands: when e1000_irq_disable has returned no interrupt comes, whatever was under way."""

from __future__ import annotations

from driver.kernel.cpu import spend
from emulator.exercises.bench import Bench

ROUNDS = 12


async def check(bench: Bench) -> None:
    """Interrupts are provoked shortly before they are masked, so that one is often on its way."""
    adapter = await bench.call("e1000_probe", bench.pdev)
    for _ in range(ROUNDS):
        await bench.call("e1000_irq_enable", adapter)
        await bench.call(_take_down(bench, adapter, bench.random.randrange(900)))
        await bench.run_for(10_000)
        bench.expect(
            "interrupts after e1000_irq_disable",
            0,
            adapter.late_irqs,
            why="The write of IMC was still on its way to the device when the function returned.",
        )
    bench.require(adapter.irqs, "interrupts before they were masked", "some", "none: they were never enabled")
    bench.note(f"{adapter.irqs} interrupts in {ROUNDS} rounds, none of them late")


async def _take_down(bench: Bench, adapter: object, ns: int) -> None:
    """In one thread: an interrupt is provoked, and so much later they are masked."""
    await bench.function("e1000_toggle_link", adapter)(adapter)
    await spend(ns)
    await bench.function("e1000_irq_disable", adapter)(adapter)
