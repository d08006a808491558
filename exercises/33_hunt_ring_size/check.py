"""Exercise 33: ethtool -G while the interface is up, with memory and without."""

from __future__ import annotations

from driver.kernel.net.netdevice import NetDevice, dev_open
from emulator.exercises.bench import Bench
from emulator.exercises.interface import SETTLE_NS, bring_up, nothing_leaked, pass_time, receive_bursts, take_down


async def check(bench: Bench) -> None:
    """A shorter ring; then a longer one, for which there is no memory; then down and up."""
    netdev = await bring_up(bench)
    await receive_bursts(bench, [1, 20])
    bench.expect("what ethtool -G rx 64 returns", 0, await _ethtool(bench, netdev, 64))
    await pass_time(bench, SETTLE_NS)
    await receive_bursts(bench, [1, 100])
    await _without_memory(bench, netdev)
    await receive_bursts(bench, [1, 100])
    await take_down(bench, netdev)
    nothing_leaked(bench)
    bench.expect("what ndo_open returns after that", 0, await bench.call(dev_open(netdev), comm="ip"))
    await pass_time(bench, SETTLE_NS)
    await receive_bursts(bench, [1, 20])
    await take_down(bench, netdev)
    nothing_leaked(bench)


async def _without_memory(bench: Bench, netdev: NetDevice) -> None:
    """It fails, and says so."""
    pages = bench.machine.pages
    alloc, pages.alloc = pages.alloc, lambda _size: 0  # type: ignore[method-assign]
    error = await _ethtool(bench, netdev, 1024)
    pages.alloc = alloc  # type: ignore[method-assign]
    bench.expect("what ethtool -G rx 1024 returns without memory for it", -12, error)
    await pass_time(bench, SETTLE_NS)


async def _ethtool(bench: Bench, netdev: NetDevice, count: int) -> object:
    return await bench.call("e1000_set_ringparam", netdev, count, comm="ethtool")
