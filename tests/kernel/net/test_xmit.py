"""Sending: dev_queue_xmit, the order of packets, NET_TX, freeing (net/core/dev.c)."""

from __future__ import annotations

import pytest

from driver.kernel.net.hard_start_xmit import NET_XMIT_CN, NET_XMIT_SUCCESS
from driver.kernel.net.netdevice import dev_close, dev_get_stats, dev_open, netif_carrier_off, netif_carrier_on
from driver.kernel.net.skbuff import alloc_skb
from driver.kernel.net.xmit import dev_consume_skb_any, napi_consume_skb
from driver.kernel.softirq import Vector
from driver.kernel.sysctl import Sysctl
from driver.kernel.trace import FORMATS
from tests.kernel.net.transmitter import Transmitter
from tests.kernel.support import Computer, events


@pytest.mark.parametrize("qdisc", ["pfifo_fast", "pfifo"])
def test_packets_that_found_no_room_follow_in_order_when_the_queue_is_woken(qdisc: str) -> None:
    computer = Computer(sysctl=Sysctl(default_qdisc=qdisc))
    nic = Transmitter(computer, size=4)
    assert nic.send(*(nic.packet(number) for number in range(10))) == [NET_XMIT_SUCCESS] * 10
    assert nic.numbers == [0, 1, 2, 3]
    nic.complete(2)
    assert nic.numbers == [0, 1, 2, 3, 4, 5]
    nic.complete(4)
    assert nic.numbers == list(range(10))
    assert nic.send(nic.packet(10)) == [NET_XMIT_SUCCESS]
    assert nic.numbers == list(range(10))
    nic.complete(4)
    assert nic.numbers == list(range(11))
    assert nic.dev.tx_queues[0].qdisc.packets == 11


@pytest.mark.parametrize("qdisc", ["pfifo_fast", "pfifo"])
def test_a_packet_that_the_driver_does_not_take_is_requeued_and_stays_in_front(qdisc: str) -> None:
    computer = Computer(sysctl=Sysctl(default_qdisc=qdisc), softirq=1000)
    nic = Transmitter(computer, size=2, stops=False)
    nic.send(*(nic.packet(number) for number in range(4)))
    computer.run(computer.machine.now + 10_000)
    assert nic.numbers == [0, 1]
    assert nic.dev.tx_queues[0].qdisc.requeues > 1  # NET_TX tries it over and over
    nic.complete(1, wake=False)
    computer.run(computer.machine.now + 10_000)
    assert nic.numbers == [0, 1, 2]
    nic.complete(2, wake=False)
    computer.run(computer.machine.now + 10_000)
    assert nic.numbers == [0, 1, 2, 3]


def test_what_is_sent_on_an_interface_that_is_down_is_dropped_and_counted() -> None:
    computer = Computer()
    nic = Transmitter(computer, size=4)
    computer.spawn(dev_close(nic.dev))
    computer.run(10)
    dropped = events(computer, "kfree_skb")
    assert nic.send(nic.packet(), nic.packet()) == [NET_XMIT_CN] * 2
    assert nic.numbers == []
    assert [reason for *_, reason in dropped] == ["QDISC_DROP"] * 2
    seen: list[int] = []

    async def stats() -> None:
        seen.append((await dev_get_stats(nic.dev)).tx_dropped)

    computer.spawn(stats())
    computer.run(20)
    assert seen == [2]
    assert computer.machine.frags.in_use == 0


def test_taking_the_interface_down_frees_what_waits_and_counts_it() -> None:
    computer = Computer()
    nic = Transmitter(computer, size=2)
    nic.send(*(nic.packet(number) for number in range(5)))
    qdisc = nic.dev.tx_queues[0].qdisc
    computer.spawn(dev_close(nic.dev))
    computer.run(10_000_000)
    assert (qdisc.purged, qdisc.qlen) == (3, 0)
    assert computer.machine.frags.in_use == 0
    computer.spawn(dev_open(nic.dev))
    computer.run(20_000_000)
    nic.send(nic.packet(9))
    assert nic.numbers == [0, 1, 9]


def test_without_a_carrier_packets_are_dropped_and_with_one_they_go_again() -> None:
    computer = Computer()
    nic = Transmitter(computer, size=1)
    nic.send(nic.packet(0), nic.packet(1))

    async def link(*, up: bool) -> None:
        (netif_carrier_on if up else netif_carrier_off)(nic.dev)

    computer.spawn(link(up=False))
    computer.run(1000)
    assert nic.dev.tx_queues[0].qdisc_sleeping.purged == 1
    assert nic.send(nic.packet(2)) == [NET_XMIT_CN]
    computer.spawn(link(up=True))
    computer.run(2000)
    nic.complete(1)
    assert nic.send(nic.packet(3)) == [NET_XMIT_SUCCESS]
    assert nic.numbers == [0, 3]


def test_tracepoints_of_a_packet_in_their_order_with_their_text() -> None:
    computer = Computer()
    nic = Transmitter(computer, size=4)
    seen = events(computer, "net_dev_queue", "net_dev_start_xmit", "net_dev_xmit", "net_dev_xmit_timeout")
    skb = nic.packet(length=66)
    nic.send(skb)
    assert [name for _, name, *_ in seen] == ["net_dev_queue", "net_dev_start_xmit", "net_dev_xmit"]
    address = f"skbaddr={skb.head:016x}"
    assert [FORMATS[name](*arguments) for _, name, *arguments in seen] == [
        f"dev=eth0 {address} len=66 net_cookie=1",
        f"dev=eth0 queue_mapping=0 {address} vlan_tagged=0 vlan_proto=0x0000 vlan_tci=0x0000 protocol=0x0000 "
        "ip_summed=0 len=66 data_len=0 network_offset=14 transport_offset_valid=0 transport_offset=0 tx_flags=0 "
        "gso_size=0 gso_segs=0 gso_type=0 net_cookie=1",
        f"dev=eth0 {address} len=66 rc=0 net_cookie=1",
    ]


def test_each_packet_costs_the_core_its_time() -> None:
    computer = Computer(dev_queue_xmit=100)
    nic = Transmitter(computer, size=8)
    seen = events(computer, "net_dev_xmit")
    started = computer.machine.now
    nic.send(*(nic.packet(number) for number in range(3)))
    computer.run(started + 1000)
    assert [time - started for time, *_ in seen] == [100, 200, 300]


def test_in_a_hardirq_packets_are_freed_by_net_tx() -> None:
    computer = Computer()
    nic = Transmitter(computer, size=4)
    in_use: list[int] = []
    frags = computer.machine.frags

    def work() -> None:
        dev_consume_skb_any(nic.packet())
        napi_consume_skb(nic.packet(), 0)
        in_use.append(frags.in_use)

    computer.on_interrupt(work)
    computer.run(200)
    assert in_use == [2]
    assert frags.in_use == 0
    assert computer.machine.cpus[0].softirq_counts[Vector.NET_TX] == 1


def test_outside_of_hardirqs_packets_are_freed_at_once() -> None:
    computer = Computer()
    nic = Transmitter(computer, size=4)

    async def thread() -> None:
        dev_consume_skb_any(nic.packet())
        napi_consume_skb(nic.packet(), 64)
        assert computer.machine.frags.in_use == 0

    computer.spawn(thread())
    computer.run(10)
    assert computer.machine.cpus[0].softirq_counts[Vector.NET_TX] == 0


def test_without_memory_there_is_no_packet() -> None:
    computer = Computer()
    nic = Transmitter(computer, size=4)
    computer.machine.frags.alloc = lambda: 0  # type: ignore[method-assign]
    assert alloc_skb(bytes(60), nic.dev) is None
