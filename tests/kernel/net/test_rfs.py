"""RFS: packets follow the sockets of their flows, and stay in order while these move (net/core/dev.c)."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from driver.kernel.cpu import this_cpu
from driver.kernel.net.netdev_rx_queue import NetdevRxQueue
from driver.kernel.net.rfs import RpsSockFlowTable, rps_sock_flow_sysctl, store_rps_dev_flow_table_cnt
from driver.kernel.net.rps import netdev_rx_queue_set_rps_mask
from driver.kernel.net.skbuff import SkBuff
from driver.kernel.net.sock import Sock
from driver.kernel.net.socket import MsgFlags, bind, connect, recvmsg, sendmsg, socket
from driver.kernel.sched import Task
from tests.kernel.net.frames import udp_frame
from tests.kernel.net.host import Host

CPUS = 4
SEED = random.randrange(1 << 32)


def steered_host(**costs: int) -> Host:
    """A host with RFS on."""
    host = Host(cpus=CPUS, **costs)
    rps_sock_flow_sysctl(host.machine, 256)
    store_rps_dev_flow_table_cnt(queue_of(host), 64)
    return host


def queue_of(host: Host) -> NetdevRxQueue:
    return host.dev.rx_queues[0]


def connected(host: Host, port: int = 7, *, to_peer: bool = True) -> Sock:
    async def make() -> Sock:
        sk = await socket()
        await bind(sk, ("10.0.0.1", port))
        if to_peer:
            await connect(sk, ("10.0.0.2", 40_000))
        return sk

    return host.call(make())


def cpus_of(host: Host) -> list[tuple[int, bytes]]:
    """A list of what reaches the stack: CPU, payload."""
    seen: list[tuple[int, bytes]] = []
    host.machine.tracepoints.register("netif_receive_skb", lambda skb: seen.append((this_cpu().id, payload(skb))))
    return seen


def payload(skb: SkBuff) -> bytes:
    return skb.data[42:].rstrip(b"\0")


async def receive_all(sk: Sock) -> None:
    while sk.receive_queue:
        await recvmsg(sk, MsgFlags.MSG_DONTWAIT)


async def send_one(sk: Sock) -> None:
    await sendmsg(sk, b"out")


async def ask(sk: Sock) -> None:
    sk.poll()


def start(host: Host, code: Coroutine[Any, Any, None], cpu: int) -> Task:
    """Run code of a thread on a CPU."""
    return host.machine.kthread_run(code, "reader", host.machine.cpus[cpu])


def use(host: Host, code: Coroutine[Any, Any, None], cpu: int) -> None:
    """The same, to its end."""
    task = start(host, code, cpu)
    host.computer.run(host.machine.now + 100_000)
    assert task.done


def arrive(host: Host, *payloads: bytes, port: int = 7) -> None:
    host.receive(*(udp_frame(data, destination_port=port) for data in payloads))
    host.computer.run(host.machine.now + 100_000)


@pytest.mark.parametrize("way", [receive_all, send_one, ask])
def test_packets_follow_the_user_of_a_connected_socket(way: Callable[[Sock], Coroutine[Any, Any, None]]) -> None:
    host = steered_host()
    sk, seen = connected(host), cpus_of(host)
    arrive(host, b"first")
    for cpu in (2, 1, 3):
        use(host, way(sk), cpu)
        arrive(host, b"%d" % cpu)
    assert seen[1:] == [(2, b"2"), (1, b"1"), (3, b"3")]


def test_the_socket_must_be_connected_and_both_tables_must_be_there() -> None:
    host = steered_host()
    unconnected, sk, seen = connected(host, 8, to_peer=False), connected(host), cpus_of(host)
    for _ in range(2):
        arrive(host, b"8", port=8)
        use(host, receive_all(unconnected), 3)
    assert {cpu for cpu, _ in seen} == {seen[0][0]}
    del seen[:]
    for sockets, flows in ((0, 64), (256, 0)):
        rps_sock_flow_sysctl(host.machine, sockets)
        store_rps_dev_flow_table_cnt(queue_of(host), flows)
        for cpu in (2, 1):
            arrive(host, b"7")
            use(host, receive_all(sk), cpu)
    assert len(seen) == 4
    assert host.machine.cpus[1].softnet.processed == host.machine.cpus[2].softnet.processed == 0
    rps_sock_flow_sysctl(host.machine, 0)
    assert host.machine.rps_needed == 0


def test_without_a_known_socket_rps_decides() -> None:
    host = steered_host()
    seen = cpus_of(host)
    netdev_rx_queue_set_rps_mask(host.machine, queue_of(host), 0b1000)
    arrive(host, b"nobody's", port=9)
    assert seen == [(3, b"nobody's")]


@pytest.mark.parametrize("quota", [64, 2])
def test_a_flow_moves_only_when_its_old_backlog_has_nothing_of_it(quota: int) -> None:
    """CPU 1 is slow; the reader moves to CPU 2 while CPU 1 still has packets of the flow."""
    host = steered_host(netif_receive_skb=10_000)
    host.machine.sysctl.dev_weight = quota
    sk, seen = connected(host), cpus_of(host)
    arrive(host, b"0")
    use(host, receive_all(sk), 1)
    numbers = [b"%d" % number for number in range(1, 9)]
    host.receive(*(udp_frame(data, destination_port=7) for data in numbers[:4]))
    start(host, ask(sk), 2)
    host.computer.run(host.machine.now + 15_000)
    assert 1 < len(seen) < 5
    arrive(host, numbers[4])  # another one while the stack works on those before it
    arrive(host, *numbers[5:])
    assert seen[1:] == [(1, data) for data in numbers[:5]] + [(2, data) for data in numbers[5:]]


def test_no_reader_that_wanders_brings_a_flow_out_of_order() -> None:
    """Bursts while a slow stack works, and readers on random CPUs; without the test of the tail they overtake."""
    rng = random.Random(SEED)
    print("seed", SEED)
    host = steered_host(netif_receive_skb=3_000)
    sk, seen = connected(host), cpus_of(host)
    sent = 0
    for _ in range(200):
        burst = [b"%d" % number for number in range(sent, sent + rng.randrange(1, 8))]
        sent += len(burst)
        host.receive(*(udp_frame(data, destination_port=7) for data in burst))
        start(host, receive_all(sk), rng.randrange(1, CPUS))
        host.computer.run(host.machine.now + rng.randrange(40_000))
    host.computer.run(host.machine.now + 1_000_000)
    assert [int(data) for _, data in seen] == list(range(sent))
    assert len({cpu for cpu, _ in seen}) > 2


def test_flows_that_share_an_entry_take_it_from_each_other() -> None:
    table = RpsSockFlowTable(4, CPUS)
    one, other = 0x1234_5670, 0x9ABC_DEF0
    table.record(one, 3)
    assert (table.wanted(one), table.wanted(other), table.wanted(1)) == (3, None, None)
    table.record(other, 2)
    assert (table.wanted(one), table.wanted(other)) == (None, 2)
