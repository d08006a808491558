"""Qdiscs: bands, limits, the quota, bulks by byte queue limit (net/sched/sch_generic.c, sch_fifo.c)."""

from __future__ import annotations

import pytest

from driver.kernel.net.hard_start_xmit import NET_XMIT_DROP, NET_XMIT_SUCCESS
from driver.kernel.net.netdev_queue import netif_tx_start_queue, netif_tx_stop_queue
from driver.kernel.net.sch_generic import PfifoFast, Qdisc
from driver.kernel.softirq import Vector
from driver.kernel.sysctl import Sysctl
from tests.kernel.net.transmitter import Transmitter
from tests.kernel.support import Computer, events


def test_pfifo_fast_sends_urgent_packets_first() -> None:
    nic = Transmitter(Computer(), size=4)
    qdisc = PfifoFast(nic.dev.tx_queues[0], 10)
    for number, priority in enumerate((0, 2, 6, 2, 7, 1)):  # bands 1, 2, 0, 2, 0, 2
        assert qdisc.enqueue(nic.packet(number, priority=priority)) == NET_XMIT_SUCCESS
    assert qdisc.qlen == 6
    order = [skb.data[-1] for skb in iter(qdisc.dequeue, None)]
    assert order == [2, 4, 0, 1, 3, 5]


def test_pfifo_fast_has_room_for_its_limit_in_each_band() -> None:
    nic = Transmitter(Computer(), size=4)
    qdisc = PfifoFast(nic.dev.tx_queues[0], 2)
    results = [qdisc.enqueue(nic.packet(priority=priority)) for priority in (0, 0, 0, 6, 6, 6)]
    assert results == [NET_XMIT_SUCCESS, NET_XMIT_SUCCESS, NET_XMIT_DROP] * 2
    assert (qdisc.drops, qdisc.qlen) == (2, 4)


def test_pfifo_drops_at_its_limit_whatever_the_priority() -> None:
    nic = Transmitter(Computer(), size=4)
    qdisc = Qdisc(nic.dev.tx_queues[0], 2)
    results = [qdisc.enqueue(nic.packet(priority=priority)) for priority in (0, 6, 6)]
    assert results == [NET_XMIT_SUCCESS, NET_XMIT_SUCCESS, NET_XMIT_DROP]
    assert qdisc.drops == 1


@pytest.mark.parametrize("name", ["pfifo_fast", "pfifo"])
def test_the_interface_drops_what_exceeds_tx_queue_len(name: str) -> None:
    computer = Computer(sysctl=Sysctl(default_qdisc=name))
    nic = Transmitter(computer, size=1)
    qdisc = nic.dev.tx_queues[0].qdisc
    dropped = events(computer, "kfree_skb")
    results = nic.send(*(nic.packet(number) for number in range(1003)))
    assert (
        results.count(NET_XMIT_DROP)
        == qdisc.drops
        == len(dropped)
        == 1003
        - 1
        - nic.dev.tx_queue_len
        - (
            name == "pfifo_fast"  # its requeued packet is not in a band
        )
    )


@pytest.mark.parametrize("name", ["pfifo_fast", "pfifo"])
def test_one_run_sends_no_more_than_its_quota_and_net_tx_goes_on(name: str) -> None:
    computer = Computer(sysctl=Sysctl(default_qdisc=name, dev_weight=4, dev_weight_tx_bias=2), softirq=10)
    nic = Transmitter(computer, size=100)
    queue = nic.dev.tx_queues[0]
    netif_tx_stop_queue(queue)
    nic.send(*(nic.packet(number) for number in range(20)))
    computer.run(1000)
    entries = events(computer, "softirq_entry", "net_dev_xmit")
    nic.complete(0)
    computer.run(3000)
    names = [event for _, event, *rest in entries if event == "net_dev_xmit" or rest[0] == Vector.NET_TX]
    assert names == ["softirq_entry", *["net_dev_xmit"] * 8] * 2 + ["softirq_entry", *["net_dev_xmit"] * 4]
    assert nic.numbers == list(range(20))


def test_starting_a_queue_does_not_run_its_qdisc_and_waking_it_does() -> None:
    computer = Computer()
    nic = Transmitter(computer, size=100)
    queue = nic.dev.tx_queues[0]
    netif_tx_stop_queue(queue)
    nic.send(nic.packet(1))
    netif_tx_start_queue(queue)
    computer.run(200)
    assert nic.numbers == []
    nic.send(nic.packet(2))
    assert nic.numbers == [1, 2]


def test_waking_a_queue_that_runs_schedules_nothing() -> None:
    computer = Computer()
    nic = Transmitter(computer, size=100)
    nic.complete(0)
    assert computer.machine.cpus[0].softirq_counts[Vector.NET_TX] == 0


def test_without_byte_queue_limits_the_driver_never_hears_of_more() -> None:
    computer = Computer()
    nic = Transmitter(computer, size=2)
    nic.send(*(nic.packet(number) for number in range(6)))
    nic.complete(2)
    nic.complete(2)
    assert nic.taken == [(number, False) for number in range(6)]


def test_a_packet_that_is_requeued_twice_falls_behind_the_others_of_its_bulk() -> None:
    """As in Linux, whose dev_requeue_skb appends: a driver that says NETDEV_TX_BUSY reorders."""
    computer = Computer(softirq=1000)
    nic = Transmitter(computer, size=1, stops=False)
    queue = nic.dev.tx_queues[0]
    queue.dql.min_limit = 1 << 20
    queue.dql.reset(0)
    netif_tx_stop_queue(queue)
    nic.send(*(nic.packet(number) for number in range(4)))
    computer.run(10_000)
    tried: list[int] = []
    computer.machine.tracepoints.register("net_dev_start_xmit", lambda skb, _dev: tried.append(skb.data[-1]))
    nic.complete(0)
    computer.run(computer.machine.now + 10_000)
    assert tried[:2] == [0, 1]  # from gso_skb; the first of the bulk
    assert tried[2:8] == [1, 2, 3, 1, 2, 3]


def test_with_byte_queue_limits_packets_come_in_bulks_that_say_there_is_more() -> None:
    computer = Computer()
    nic = Transmitter(computer, size=100, bql=True)
    nic.dev.tx_queues[0].dql.min_limit = 180
    nic.dev.tx_queues[0].dql.reset(0)
    nic.send(*(nic.packet(number) for number in range(9)))
    assert nic.numbers == [0, 1, 2, 3]  # one more than the limit allows
    nic.complete(4)
    # The requeued one comes alone; the limit has grown by the 240 bytes that were completed, and the rest fits.
    assert nic.taken[4:] == [(4, False), (5, True), (6, True), (7, True), (8, False)]
