"""Exercise 26: netpoll polls while packets come, as netconsole does when it has something to say."""

from __future__ import annotations

from driver.kernel.net.netpoll import netpoll_poll_dev
from driver.kernel.net.skbuff import SkBuff
from emulator.exercises.bench import Bench
from emulator.exercises.interface import bring_up, napi_of, nothing_leaked, pass_time, receive_bursts, take_down

_PACKETS, _GAP_NS = 200, 2_000
_MESSAGES = 60


async def check(bench: Bench) -> None:
    """Packets; then packets while netpoll polls again and again; then packets."""
    netdev = await bring_up(bench)
    await receive_bursts(bench, [1, 20])
    napi, in_netpoll = napi_of(netdev), 0
    first = len(bench.delivered)

    def received(_skb: SkBuff) -> None:
        nonlocal in_netpoll
        in_netpoll += napi.in_poll and not napi.budget

    bench.machine.tracepoints.register("netif_receive_skb", received)
    frames = bench.frames(_PACKETS)
    bench.send(frames, gap_ns=_GAP_NS)
    for _ in range(_MESSAGES):
        await bench.call(netpoll_poll_dev(netdev), comm="netconsole")
        await bench.run_for(bench.random.randrange(500, 6_000))
    await pass_time(bench, 400_000)
    bench.require(
        in_netpoll == 0,
        "netpoll took packets off the ring",
        f"in {_MESSAGES} polls with a budget of 0, no packet reaches netif_receive_skb",
        f"{in_netpoll} packets did",
        why="In netpoll interrupts are off, and whoever called it may hold any lock: a packet received there can hang.",
    )
    bench.expect_delivered(frames, first=first)
    await receive_bursts(bench, [5, 20])
    await take_down(bench, netdev)
    nothing_leaked(bench)
