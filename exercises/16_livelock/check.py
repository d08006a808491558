"""What exercise 16 demands: under twice the load that the machine can carry it still delivers half of what it can."""

from __future__ import annotations

from driver.kernel.cpu import Account
from driver.kernel.net.netdevice import dev_close, dev_open
from emulator.exercises.bench import Bench

#: Offered loads in packets a second: below what the machine can carry, and above.
RATES = (50_000, 100_000, 150_000, 200_000, 250_000, 350_000)
OVERLOADS = (250_000, 350_000)

#: So long each load lasts, in ns: several ticks.
LOAD_NS = 2_000_000

#: On the RTL only this load, and shorter: it has to be simulated.
RTL_RATES, RTL_LOAD_NS = (100_000,), 300_000

#: What is left of the best rate under overload, at least.
LEAST_SHARE = 0.5

BAR = 40


async def check(bench: Bench) -> None:
    """Load after load; how much is delivered of each."""
    netdev = await bench.call("e1000_probe", bench.pdev)
    netdev.dev_addr = bench.address()
    await bench.call(dev_open(netdev))
    model = bench.engine.name == "model"
    rates, load_ns = (RATES, LOAD_NS) if model else (RTL_RATES, RTL_LOAD_NS)
    delivered = {}
    bench.note("offered/s  delivered/s  CPU in hardirqs")
    for rate in rates:
        delivered[rate] = await _load(bench, rate, load_ns)
    best = max(delivered.values())
    for rate in OVERLOADS if model else ():
        bench.require(
            delivered[rate] >= LEAST_SHARE * best,
            f"receive livelock at {rate:,} packets/s",
            f"{LEAST_SHARE:.0%} of the best rate, {best:,} packets/s, or more",
            f"{delivered[rate]:,} packets/s reach the stack",
            why="The CPU spends its time on interrupts, and the stack, a softirq, does not get to run: what the "
            "handler has taken is dropped at the backlog, after all that work.",
        )
    bench.require(best > 0, "receive livelock", "some packets reach the stack", "none")
    await bench.call(dev_close(netdev))
    await bench.wait(lambda: bench.machine.idle, within_ns=50_000_000)
    bench.expect_nothing_left()


async def _load(bench: Bench, rate: int, load_ns: int) -> int:
    """Packets a second that reach the stack while so many are offered, once that is steady."""
    gap_ns = 10**9 // rate
    bench.send(bench.frames(2 * load_ns // gap_ns), gap_ns=gap_ns)
    await bench.run_for(load_ns)
    first, hardirq = len(bench.delivered), bench.cpu_ns()[Account.HARDIRQ]
    await bench.run_for(load_ns)
    per_second = (len(bench.delivered) - first) * 10**9 // load_ns
    share = (bench.cpu_ns()[Account.HARDIRQ] - hardirq) / load_ns
    bench.note(f"{rate:9,}  {per_second:11,}  {share:4.0%}  {'#' * (BAR * per_second // max(RATES))}")
    await bench.wait(lambda: bench.machine.idle, within_ns=40 * load_ns)
    return per_second
