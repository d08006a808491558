"""What exercise 8 demands: a shortage of memory costs packets, each counted, and ends with the shortage."""

from __future__ import annotations

from typing import Any

from driver.kernel.net.netdevice import dev_close, dev_open
from emulator.exercises.bench import Bench
from hdl.nic.regmap import RDT

BATCH = 20
GAP_NS = 3_000
POLL_EVERY_NS = 9_000

#: More frames at once than the ring has descriptors, and fewer than would overflow the NIC's FIFO.
BURST = 20

#: The last writes of ndo_open are on their way for so long.
SETTLE_NS = 5_000


async def check(bench: Bench) -> None:
    """Memory, none, memory again; and then a burst that nobody looks at for a while."""
    netdev = await bench.call("e1000_probe", bench.pdev)
    netdev.dev_addr = bench.address()
    await bench.call(dev_open(netdev))
    await bench.run_for(SETTLE_NS)
    adapter = netdev.priv
    await _all_received(bench, adapter, "with memory")
    allocator, bench.machine.frags.alloc = bench.machine.frags.alloc, _no_memory  # type: ignore[method-assign]
    dropped_before = adapter.rx_dropped
    first, _ = await _receive(bench, adapter)
    delivered, dropped = len(bench.delivered) - first, adapter.rx_dropped - dropped_before
    bench.machine.frags.alloc = allocator  # type: ignore[method-assign]
    await _all_received(bench, adapter, "when there is memory again")
    bench.expect("packets dropped without memory, by rx_dropped", BATCH, dropped)
    bench.expect("packets that reached the stack without memory", 0, delivered)
    first, frames = len(bench.delivered), bench.frames(BURST)
    bench.send(frames)
    await bench.run_for(100_000)
    for _ in range(BURST):
        await bench.call("e1000_clean_rx_irq", adapter)
        await bench.run_for(POLL_EVERY_NS)
    bench.expect_delivered(frames, first=first, why="They waited in the NIC's FIFO until there were descriptors.")
    await bench.call(dev_close(netdev))
    bench.expect_nothing_left()


def _no_memory() -> int:
    return 0


async def _all_received(bench: Bench, adapter: Any, when: str) -> None:  # noqa: ANN401
    """All frames reach the stack."""
    first, frames = await _receive(bench, adapter)
    bench.require(
        len(bench.delivered) > first,
        f"the driver receives nothing {when}",
        f"{BATCH} packets at netif_receive_skb",
        f"none; {_last_rdt(bench)}",
        why="A descriptor that was taken is lost until it has a buffer again and RDT, which the device heeds, says so.",
    )
    bench.expect_delivered(frames, first=first)


def _last_rdt(bench: Bench) -> str:
    """What the device was last told of the ring."""
    writes = [access for access in bench.accesses if access.write and access.offset == RDT.offset]
    return (
        f"RDT was last written with {writes[-1].value} at {writes[-1].time_ns:,} ns"
        if writes
        else "RDT is never written"
    )


async def _receive(bench: Bench, adapter: Any) -> tuple[int, list[bytes]]:  # noqa: ANN401
    """Frames at an even pace, and polls; returns how many packets had been delivered before, and the frames."""
    first, frames = len(bench.delivered), bench.frames(BATCH)
    bench.send(frames, gap_ns=GAP_NS)
    for _ in range(BATCH * GAP_NS // POLL_EVERY_NS + 3):
        await bench.run_for(POLL_EVERY_NS)
        await bench.call("e1000_clean_rx_irq", adapter)
    await bench.run_for(10_000)
    return first, frames
