"""Several transmit queues: flows keep to theirs, each is reclaimed by its own poll, stops and wakes for itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest

from driver.e1000 import tx_ring
from driver.e1000.ethtool import e1000_get_ethtool_stats
from driver.e1000.hw import ew32
from driver.e1000.tx_ring import DESC_NEEDED
from driver.kernel.cpu import this_cpu
from driver.kernel.net.flow_dissector import flow_hash
from driver.kernel.net.hard_start_xmit import NET_XMIT_SUCCESS
from driver.kernel.net.netdevice import dev_close, dev_open
from driver.kernel.net.pick_tx import queue_of_hash
from driver.kernel.net.skbuff import SkBuff, alloc_skb
from driver.kernel.net.xmit import dev_queue_xmit, napi_consume_skb
from emulator.engines.base import SentFrame
from hdl.nic.regmap import EIMC, EIMS, TDT, TXDCTL
from tests.e1000.support import Rig

QUEUES = 4
FLOWS = 16
COUNT = 320


def packet(flow: int, number: int, length: int = 60) -> bytes:
    """Of a UDP flow, with its number behind the headers."""
    header = b"\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\x00" + b"\x45" + bytes(7) + b"\x40\x11\0\0" + b"\x0a\0\0\1\x0a\0\0\2"
    udp = (1000 + flow).to_bytes(2) + b"\0\7" + bytes(4)
    return (header + udp + number.to_bytes(4)).ljust(length, b"\0")


def flow_of(frame: bytes) -> int:
    return int.from_bytes(frame[34:36]) - 1000


def queue_of(frame: bytes, queues: int = QUEUES) -> int:
    return queue_of_hash(flow_hash(frame), queues)


class Sender(Rig):
    """A rig with several queues that sends.

    Attributes:
        sent: frames that left, in order.
        rung: by offset, how often a TDT was written.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(queues=QUEUES, cpus=QUEUES, **options)
        self.sent: list[bytes] = []
        self.rung: Counter[int] = Counter()
        self.engine.wires[0].listen(self._see_frame)
        post_write = self.machine.post_write

        def see(device: int, offset: int, value: int) -> None:
            self.rung[offset] += 1
            post_write(device, offset, value)

        self.machine.post_write = see  # type: ignore[method-assign]

    def _see_frame(self, frame: SentFrame) -> None:
        self.sent.append(frame.data)

    async def transmit(self, frames: list[bytes]) -> None:
        """Send frames; in a thread."""
        for frame in frames:
            skb = alloc_skb(frame, self.netdevs[0])
            assert skb is not None
            assert await dev_queue_xmit(skb) == NET_XMIT_SUCCESS


def frames_of(flows: int = FLOWS, count: int = COUNT) -> list[bytes]:
    return [packet(number % flows, number // flows) for number in range(count)]


def test_flows_keep_to_their_queue_and_their_order() -> None:
    rig = Sender()
    in_use = rig.machine.frags.in_use
    frames = frames_of()
    rig.call(rig.transmit(frames))
    rig.run_for(2_000_000)
    assert sorted(rig.sent) == sorted(frames)
    for flow in range(FLOWS):
        assert [f for f in rig.sent if flow_of(f) == flow] == [f for f in frames if flow_of(f) == flow]
    expected = Counter(queue_of(frame) for frame in frames)
    assert len(expected) == QUEUES
    stats = e1000_get_ethtool_stats(rig.adapter)
    assert {queue: stats[f"tx_queue_{queue}_packets"] for queue in range(QUEUES)} == expected
    assert all(0 < rig.rung[TDT.at_queue(queue)] <= expected[queue] for queue in range(QUEUES))
    assert rig.machine.frags.in_use == in_use
    for queue in rig.netdevs[0].tx_queues:
        assert queue.dql.num_queued == queue.dql.num_completed == 60 * expected[queue.index]


def test_each_queue_is_reclaimed_where_its_vector_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Sender()
    reclaimers: defaultdict[int, set[int]] = defaultdict(set)

    def consume(skb: SkBuff, budget: int) -> None:
        reclaimers[skb.queue_mapping].add(this_cpu().id)
        napi_consume_skb(skb, budget)

    monkeypatch.setattr(tx_ring, "napi_consume_skb", consume)
    rig.call(rig.transmit(frames_of()))
    rig.run_for(2_000_000)
    assert reclaimers == {queue: {queue} for queue in range(QUEUES)}
    counts = [sum(rig.machine.irqs.desc(vector.irq).counts) for vector in rig.adapter.q_vectors]
    assert all(counts)


def test_a_queue_that_nobody_reclaims_stops_and_the_others_go_on() -> None:
    """Its vector is masked behind the driver's back; unmasked, it wakes, and everything leaves in order."""
    rig = Sender()
    adapter, dev = rig.adapter, rig.netdevs[0]
    for queue in dev.tx_queues:
        queue.dql.min_limit = 1 << 20
        queue.dql.reset(0)
    stuck = queue_of(packet(0, 0))
    vector = adapter.q_vectors[stuck]
    rig.engine.mmio_write(0, EIMC.offset, vector.eims_value)
    count = vector.tx_ring.count
    frames = [packet(flow, number) for number in range(count) for flow in (0, 1, 2, 3)]
    rig.call(rig.transmit(frames))
    rig.run_for(2_000_000)
    ring = vector.tx_ring
    assert ring.unused < DESC_NEEDED
    assert [bool(queue.state) for queue in dev.tx_queues] == [queue == stuck for queue in range(QUEUES)]
    others = [frame for frame in frames if queue_of(frame) != stuck]
    assert others
    assert sorted(frame for frame in rig.sent if queue_of(frame) != stuck) == sorted(others)
    rig.call(_unmask(rig, vector.eims_value))
    rig.run_for(5_000_000)
    assert sorted(rig.sent) == sorted(frames)
    assert not any(queue.state for queue in dev.tx_queues)
    assert ring.unused == count - 1


async def _unmask(rig: Sender, vectors: int) -> None:
    await ew32(rig.adapter.hw, EIMS, vectors)


def test_down_and_up_again() -> None:
    rig = Sender()
    (dev,) = rig.netdevs
    rig.call(rig.transmit(frames_of()))
    rig.call(dev_close(dev))
    assert not rig.adapter.pdev.mappings
    assert rig.call(dev_open(dev)) == 0
    rig.run_for(5_000_000)
    rig.sent.clear()
    frames = frames_of(count=64)
    rig.call(rig.transmit(frames))
    rig.run_for(2_000_000)
    assert sorted(rig.sent) == sorted(frames)
    assert rig.rung[TXDCTL.at_queue(QUEUES - 1)] == 2
