"""Random senders on two CPUs against a device that completes now and then: nothing is lost, doubled or overtaken."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driver.kernel.cpu import spend
from driver.kernel.net.hard_start_xmit import NET_XMIT_SUCCESS, NETDEV_TX_OK
from driver.kernel.net.netdevice import NetDevice
from driver.kernel.net.skbuff import SkBuff, alloc_skb
from driver.kernel.net.xmit import dev_queue_xmit
from driver.kernel.sysctl import Sysctl
from tests.kernel.net.transmitter import Transmitter
from tests.kernel.support import Computer

XMIT_NS = 30  #: that the driver takes for a packet


class SlowTransmitter(Transmitter):
    """A driver that takes time, so that CPUs meet.

    Attributes:
        order: sender and number of each packet that it took.
        inside: CPUs that are in ndo_start_xmit.
    """

    def __init__(self, computer: Computer, size: int, *, bql: bool, stops: bool) -> None:
        super().__init__(computer, size, bql=bql, stops=stops)
        self.order: list[tuple[int, int]] = []
        self.inside = 0

    async def ndo_start_xmit(self, skb: SkBuff, dev: NetDevice) -> int:
        self.inside += 1
        assert self.inside == 1, "two CPUs in ndo_start_xmit of one queue"
        await spend(XMIT_NS)
        result = await super().ndo_start_xmit(skb, dev)
        if result == NETDEV_TX_OK:
            self.order.append((skb.data[-2], skb.data[-1]))
        self.inside -= 1
        return result


@st.composite
def nics(draw: st.DrawFn) -> dict[str, Any]:
    """Settings of a transmitter.

    One that says NETDEV_TX_BUSY gets no bulks: Linux puts what it did not take at the end of gso_skb, also what comes
    from there, and so exchanges packets of a bulk.
    """
    stops = draw(st.booleans())
    return {"size": draw(st.integers(1, 8)), "stops": stops, "bql": stops and draw(st.booleans())}


SENDERS = st.lists(st.lists(st.tuples(st.integers(0, 200), st.integers(60, 1500)), max_size=12), min_size=1, max_size=4)
COMPLETIONS = st.lists(st.tuples(st.integers(1, 300), st.integers(0, 8)), max_size=30)


@pytest.mark.parametrize("qdisc", ["pfifo_fast", "pfifo"])
@settings(max_examples=40)
@given(nics(), SENDERS, COMPLETIONS)
def test_every_packet_is_sent_once_and_in_its_senders_order(
    qdisc: str, options: dict[str, Any], senders: list[list[tuple[int, int]]], completions: list[tuple[int, int]]
) -> None:
    sysctl = Sysctl(default_qdisc=qdisc, dev_weight=3)
    computer = Computer(cpus=2, sysctl=sysctl, dev_queue_xmit=20, softirq=5_000, irq_entry=15)
    nic = SlowTransmitter(computer, **options)
    results: list[int] = []

    async def sender(number: int, packets: list[tuple[int, int]]) -> None:
        for index, (pause, length) in enumerate(packets):
            await spend(pause)
            skb = alloc_skb(bytes(length - 2) + bytes([number, index]), nic.dev)
            assert skb is not None
            results.append(await dev_queue_xmit(skb))

    for number, packets in enumerate(senders):
        computer.machine.kthread_run(sender(number, packets), f"sender{number}", computer.machine.cpus[number % 2])
    for pause, done in completions:
        computer.run(computer.machine.now + pause)
        nic.complete(done)
    qdisc_of_nic = nic.dev.tx_queues[0].qdisc
    for _ in range(4 * 12 + len(completions) + 1):  # one packet at a time, and completions that came too late
        computer.run(computer.machine.now + 50_000)
        nic.complete(len(nic.ring))
    computer.run(computer.machine.now + 50_000)
    assert not qdisc_of_nic.qlen, "packets wait, and nobody is going to send them"
    assert results == [NET_XMIT_SUCCESS] * sum(map(len, senders))
    for number, packets in enumerate(senders):
        assert [index for sent_by, index in nic.order if sent_by == number] == list(range(len(packets)))
    assert computer.machine.frags.in_use == 0
    dql = nic.dev.tx_queues[0].dql
    assert dql.num_queued == dql.num_completed
    assert qdisc_of_nic.packets == len(results)
    assert not qdisc_of_nic.running
