"""Exercise 30: the same driver, polled by the softirq, by a thread of its own, and by an application that waits."""

from __future__ import annotations

from driver.apps.thread import start
from driver.apps.udp import Sink
from driver.kernel.net.napi import NapiThreaded
from driver.kernel.net.netdevice import NetDevice
from driver.kernel.net.sock import SO
from driver.kernel.net.threaded import netif_set_threaded
from emulator.client import configure_interface
from emulator.exercises.bench import Bench
from emulator.exercises.interface import bring_up, napi_of, nothing_leaked, pass_time, receive_bursts, take_down
from emulator.generator import DISCARD_PORT

_BUSY_POLL_US = 300


async def check(bench: Bench) -> None:
    """Bursts, whoever polls."""
    netdev = await bring_up(bench)
    await receive_bursts(bench, [1, 3])
    await _by_thread(bench, netdev)
    await _by_application(bench, netdev)
    await take_down(bench, netdev)
    nothing_leaked(bench)


async def _by_thread(bench: Bench, netdev: NetDevice) -> None:
    """Echo 1 > /sys/class/net/eth0/threaded; and 0 again."""
    await bench.call(netif_set_threaded(netdev, NapiThreaded.ENABLED), comm="sh")
    polls = napi_of(netdev).polls
    await receive_bursts(bench, [1, 100, 3], sizes=(60,))
    bench.note(f"by a thread: {napi_of(netdev).polls - polls} polls")
    await bench.call(netif_set_threaded(netdev, NapiThreaded.DISABLED), comm="sh", within_ns=200_000_000)


async def _by_application(bench: Bench, netdev: NetDevice) -> None:
    """An application with SO_BUSY_POLL, which polls with a budget of 8."""
    configure_interface(netdev, 0)
    sink = Sink(DISCARD_PORT, {SO.SO_BUSY_POLL: _BUSY_POLL_US})
    start(bench.machine, sink)
    await pass_time(bench, 50_000)
    first = len(bench.delivered)
    for _ in range(5):
        await receive_bursts(bench, [1, 30], sizes=(60,))
    packets = len(bench.delivered) - first
    await bench.wait(lambda: sink.received == packets, 2_000_000)
    bench.expect("packets that the application received", packets, sink.received)
    taken = bench.machine.busy_poll_rx_packets
    bench.note(f"by an application: it took {taken} of {packets} packets off the ring itself")
    bench.require(
        taken > 0,
        "busy polling took no packet",
        f"an application with SO_BUSY_POLL {_BUSY_POLL_US} us takes some of {packets} packets off the ring itself",
        "it took none: softirqs did",
        why="A socket learns from the packets that it receives which NAPI instance to poll: from their napi_id.",
    )
    await pass_time(bench, 2 * _BUSY_POLL_US * 1_000)
