"""Transmission from dev_queue_xmit to the wire of the model engine, and what comes back of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from driver.e1000 import tx_ring
from driver.e1000.ethtool import e1000_get_ethtool_stats
from driver.e1000.hw import ALL_CAUSES, er32, ew32
from driver.e1000.interrupt import e1000_clean, e1000_clean_tx
from driver.e1000.tx_ring import DESC_NEEDED, TX_WAKE_THRESHOLD
from driver.kernel.net.hard_start_xmit import NET_XMIT_SUCCESS, NETDEV_TX_OK
from driver.kernel.net.netdev_queue import NetdevQueue, netif_stop_queue, netif_tx_stop_queue, netif_wake_queue
from driver.kernel.net.netdevice import dev_close, dev_get_stats, dev_open
from driver.kernel.net.skbuff import alloc_skb
from driver.kernel.net.xmit import dev_queue_xmit
from driver.kernel.softirq import local_bh_disable, local_bh_enable
from driver.kernel.timer import Hrtimer
from emulator.engines.base import SentFrame
from hdl.nic.regmap import IMC, IMS, RDT, TCTL, TDT
from tests.e1000.support import Rig


def numbered(number: int, length: int = 60) -> bytes:
    return b"\x02\0\0\0\0\1\x02\0\0\0\0\2\x88\xb5" + number.to_bytes(4, "big") + bytes(length - 18)


class Sender(Rig):
    """A rig whose NIC sends.

    Attributes:
        sent: frames that left it.
        doorbells: values written to TDT.
        refills: writes of RDT.
        answers: of ndo_start_xmit.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.sent: list[SentFrame] = []
        self.doorbells: list[int] = []
        self.refills = 0
        self.answers: list[int] = []
        self.engine.wires[0].listen(self.sent.append)
        self.machine.tracepoints.register("net_dev_xmit", lambda _skb, answer, *_: self.answers.append(answer))
        post_write = self.machine.post_write

        def see(device: int, offset: int, value: int) -> None:
            if offset == TDT.offset:
                self.doorbells.append(value)
            self.refills += offset == RDT.offset
            post_write(device, offset, value)

        self.machine.post_write = see  # type: ignore[method-assign]

    async def transmit(self, count: int, length: int = 60, first: int = 0) -> list[int]:
        """Send numbered packets; in a thread."""
        results = []
        for number in range(first, first + count):
            skb = alloc_skb(numbered(number, length), self.netdevs[0])
            assert skb is not None
            results.append(await dev_queue_xmit(skb))
        return results

    def lift_byte_queue_limits(self) -> None:
        """What is to fill up is the ring."""
        dql = self.netdevs[0].tx_queues[0].dql
        dql.min_limit = 1 << 20
        dql.reset(0)

    async def write_imc(self) -> None:
        """Mask all interrupts."""
        await ew32(self.adapter.hw, IMC, ALL_CAUSES)

    def during_barrier(self, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
        """Let something happen while the driver is in its next memory barrier."""
        barrier_ns = 1000
        self.machine.costs = dataclasses.replace(self.machine.costs, smp_mb=barrier_ns)
        stopped = Hrtimer(happens)

        def stop(queue: NetdevQueue) -> None:
            netif_tx_stop_queue(queue)
            stopped.start(barrier_ns // 2)

        monkeypatch.setattr(tx_ring, "netif_tx_stop_queue", stop)

    @property
    def numbers(self) -> list[int]:
        """Of the packets that left, in order."""
        return [int.from_bytes(frame.data[14:18], "big") for frame in self.sent]


@pytest.mark.parametrize("mode", ["napi", "irq"])
def test_packets_leave_in_order_and_everything_is_given_back(mode: str) -> None:
    rig = Sender(mode=mode)
    in_use = rig.machine.frags.in_use
    assert rig.call(rig.transmit(100, 200)) == [NET_XMIT_SUCCESS] * 100
    rig.run_for(1_000_000)
    assert [frame.data for frame in rig.sent] == [numbered(number, 200) for number in range(100)]
    assert rig.machine.frags.in_use == in_use
    assert rig.adapter.tx_ring.unused == rig.adapter.tx_ring.count - 1
    dql = rig.netdevs[0].tx_queues[0].dql
    assert dql.num_queued == dql.num_completed == 100 * 200
    stats = rig.call(dev_get_stats(rig.netdevs[0]))
    assert (stats.tx_packets, stats.tx_bytes, stats.tx_dropped) == (100, 100 * 204, 0)
    counters = e1000_get_ethtool_stats(rig.adapter)
    assert (counters["tx_packets"], counters["tx_bytes"]) == (100, 100 * 204)


@pytest.mark.parametrize("mode", ["napi", "irq"])
def test_a_saturated_wire_stops_and_wakes_the_queue_and_loses_nothing(mode: str) -> None:
    rig = Sender(mode=mode, rate=10_000_000)
    rig.lift_byte_queue_limits()
    assert rig.call(rig.transmit(900)) == [NET_XMIT_SUCCESS] * 900
    ring = rig.adapter.tx_ring
    assert ring.unused < DESC_NEEDED
    rig.run_for(100_000_000)
    assert rig.numbers == list(range(900))
    assert set(rig.answers) == {NETDEV_TX_OK}
    assert 2 <= rig.adapter.restart_queue <= 900 // (TX_WAKE_THRESHOLD - DESC_NEEDED)
    assert ring.unused == ring.count - 1


def test_byte_queue_limits_keep_the_ring_short_and_the_wire_busy() -> None:
    rig = Sender()
    rig.call(rig.transmit(800, 1514))
    queue = rig.netdevs[0].tx_queues[0]
    rig.run_for(2_000_000)
    assert 0 < rig.adapter.tx_ring.count - 1 - rig.adapter.tx_ring.unused < 100
    rig.run_for(20_000_000)
    assert rig.numbers == list(range(800))
    assert queue.dql.limit < 100 * 1514
    span = rig.sent[-1].end_ps - rig.sent[100].end_ps
    assert span <= 699 * (1514 + 24) * 8_000 * 1.02  # 1 Gb/s


def test_one_doorbell_serves_a_bulk() -> None:
    rig = Sender()
    rig.call(rig.transmit(500))
    rig.run_for(10_000_000)
    assert len(rig.sent) == 500
    assert len(rig.doorbells) < 400
    assert rig.doorbells[-1] == 500 % 256


def test_a_bulk_that_the_ring_cuts_short_has_its_doorbell_too() -> None:
    """Nothing else would ever tell the device: the ring was empty, and the rest waits for it to complete."""
    rig = Sender(set=("net.core.dev_weight=300",))
    rig.lift_byte_queue_limits()
    queue = rig.netdevs[0].tx_queues[0]
    netif_stop_queue(rig.netdevs[0])
    rig.call(rig.transmit(300))

    async def wake() -> None:
        local_bh_disable()
        netif_wake_queue(rig.netdevs[0])
        await local_bh_enable()

    rig.call(wake())
    rig.run_for(1_000_000)
    assert rig.numbers == list(range(300))
    assert not queue.state


def test_a_poll_with_budget_0_reclaims_and_leaves_reception_alone() -> None:
    rig = Sender(count=30, rule=("all=error", "napi-lost-wakeup=ignore"))  # the test masks, not the driver
    adapter = rig.adapter

    async def netpoll() -> int:
        local_bh_disable()
        work = await e1000_clean(adapter.napi, 0) + await e1000_clean_tx(adapter.tx_napi, 0)
        await local_bh_enable()
        return work

    rig.lift_byte_queue_limits()
    frags = rig.machine.frags
    alloc, frags.alloc = frags.alloc, lambda: 0  # type: ignore[method-assign]
    rig.send(rig.traffic()[:20])
    rig.run_for(100_000)
    frags.alloc = alloc  # type: ignore[method-assign]
    assert adapter.rx_ring.unused == 20  # what a poll would refill
    rig.call(rig.write_imc())
    rig.call(rig.transmit(5))
    rig.send(rig.traffic())
    rig.run_for(100_000)
    assert adapter.tx_ring.unused == adapter.tx_ring.count - 6
    refills, delivered = rig.refills, len(rig.delivered)
    assert rig.call(netpoll()) == 0
    assert adapter.tx_ring.unused == adapter.tx_ring.count - 1
    assert (rig.refills, len(rig.delivered)) == (refills, delivered)
    assert rig.call(er32(adapter.hw, IMS)) == 0


def test_a_reclaim_between_stopping_and_looking_again_restarts_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the second look the queue would stay stopped: who reclaimed did not see it stopped."""
    rig = Sender()
    adapter, dev = rig.adapter, rig.netdevs[0]
    rig.lift_byte_queue_limits()
    rig.engine.mmio_write(0, TCTL.offset, 0)
    for number in range(adapter.tx_ring.count - DESC_NEEDED - 1):
        rig.call(rig.transmit(1, first=number))
    woken: list[bool] = []

    def reclaimed_meanwhile() -> None:
        """As if it had been done on another CPU."""
        adapter.tx_ring.next_to_clean = 40
        woken.append(dev.tx_queues[0].state != 0)

    rig.during_barrier(monkeypatch, reclaimed_meanwhile)
    rig.call(rig.transmit(1))
    assert woken == [True]
    assert dev.tx_queues[0].state == 0
    assert adapter.restart_queue == 1


def test_close_under_load_frees_the_ring_and_counts_what_was_on_it() -> None:
    rig = Sender(rate=10_000_000)
    rig.lift_byte_queue_limits()
    qdisc = rig.netdevs[0].tx_queues[0].qdisc
    rig.call(rig.transmit(600))
    rig.run_for(1_000_000)
    rig.call(dev_close(rig.netdevs[0]))
    rig.run_for(1_000_000)
    assert rig.machine.frags.in_use == 0
    assert not rig.adapter.pdev.mappings
    assert 0 < rig.adapter.tx_dropped < 256
    on_ring = 600 - qdisc.purged
    left_ring = len(rig.sent) + rig.engine.wires[0].cut_off
    # Of those that left the ring, some were not reclaimed any more, and the driver counts them as dropped too.
    assert on_ring - rig.adapter.tx_dropped <= left_ring <= on_ring
    assert qdisc.purged
    assert len(rig.sent) - rig.adapter.hw_stats["GPTC"] in (0, 1)  # one between the last look and the reset
    dql = rig.netdevs[0].tx_queues[0].dql
    assert dql.num_queued == dql.num_completed == 0
    rig.call(dev_open(rig.netdevs[0]))
    rig.sent.clear()
    rig.call(rig.transmit(10))
    rig.run_for(2_000_000)
    assert rig.numbers == list(range(10))


def test_open_without_memory_for_the_rings_fails_cleanly() -> None:
    rig = Rig()
    rig.call(dev_close(rig.netdevs[0]))
    alloc, left = rig.machine.pages.alloc, [1]

    def one_page(size: int) -> int:
        left[0] -= 1
        return alloc(size) if left[0] >= 0 else 0

    rig.machine.pages.alloc = one_page  # type: ignore[method-assign]
    assert rig.call(dev_open(rig.netdevs[0])) == -12
    assert rig.adapter.tx_ring.memory is None
    rig.machine.pages.alloc = alloc  # type: ignore[method-assign]
    assert rig.call(dev_open(rig.netdevs[0])) == 0
