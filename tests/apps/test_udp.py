"""Applications on UDP sockets, against a client on the wire of the model engine."""

from __future__ import annotations

import pytest

from driver.apps.hog import Hog
from driver.apps.thread import start
from driver.apps.udp import Echo, EpollServer, Server, Sink
from driver.kernel.cpu import Account
from driver.kernel.net.ipv4.devinet import neigh_add
from driver.kernel.net.sock import SO
from emulator.generator import ip_addresses
from tests.apps.support import MS, AppRig


def test_an_echo_answers_every_request_with_its_own_bytes() -> None:
    rig = AppRig()
    echo = Echo(7)
    rig.start(echo)
    frames: list[bytes] = []
    rig.engine.wires[0].listen(lambda frame: frames.append(frame.data))
    client = rig.closed_loop(1, 50)
    rig.run_until_answered(client, 50)
    assert (echo.received, echo.answered, client.sent, client.unexpected) == (50, 50, 50, 0)
    assert {len(frame) for frame in frames} == {100}
    assert client.latency is not None
    assert 5_000 < client.latency.min <= client.latency.max < 20_000
    assert rig.machine.init_net.mib.udp.InDatagrams == rig.machine.init_net.mib.udp.OutDatagrams == 50


def test_a_sink_counts_and_what_it_cannot_take_is_counted_as_rcvbuf_errors() -> None:
    rig = AppRig(costs="router2002", ring=1024)
    sink = Sink(7, {SO.SO_RCVBUF: 10_000})
    rig.start(sink)
    rig.open_loop(500_000, 1000)
    rig.run_for(50 * MS)
    mib = rig.machine.init_net.mib
    kept = len(rig.delivered)
    assert mib.ip.InDelivers == kept
    assert sink.received + mib.udp.RcvbufErrors == kept
    assert sink.received == mib.udp.InDatagrams > 0
    assert mib.udp.RcvbufErrors > 0
    assert sink.received_bytes == sink.received * (100 - 42)


def test_a_server_works_for_each_request() -> None:
    """With enough requests under way it is the server that limits the rate: its service time and what it needs else."""
    rig = AppRig(rate=8_000_000_000)
    server = Server(7, service_ns=20_000, response_bytes=400)
    rig.start(server)
    lengths: set[int] = set()
    rig.engine.wires[0].listen(lambda frame: lengths.add(len(frame.data)))
    client = rig.closed_loop(16, 300)
    took = rig.run_until_answered(client, 300)
    assert 300 * 20_000 < took < 300 * 27_000
    assert lengths == {442}
    assert client.latency is not None
    assert client.latency.p50 > 15 * 20_000  # behind fifteen others


def test_an_epoll_server_serves_all_its_ports() -> None:
    rig = AppRig()
    server = EpollServer([7, 8, 9], service_ns=1000)
    rig.start(server)
    clients = [rig.closed_loop(2, 30, port=port) for port in (7, 8, 9)]
    rig.run_for(20 * MS)
    assert server.received == server.answered == 90
    assert [client.answered for client in clients] == [30] * 3


def test_a_client_without_a_way_back_is_a_failure() -> None:
    rig = AppRig()
    echo = Echo(7)
    rig.start(echo)
    in_dev = rig.netdevs[0].ip_ptr
    assert in_dev is not None
    in_dev.neighbours.clear()
    client = rig.open_loop(10_000, 3)
    rig.run_for(MS)
    assert (echo.received, echo.failed, echo.answered) == (3, 3, 0)
    assert rig.machine.init_net.mib.ip.OutNoRoutes == 3
    client.give_up(0, rig.engine.now * 1000)
    assert client.lost == 3
    neigh_add(rig.netdevs[0], ".".join(map(str, ip_addresses(0)[0])), b"\x02\0\0\0\0\x02")


def test_nobody_on_the_port_is_told_to_the_client() -> None:
    rig = AppRig()
    client = rig.open_loop(10_000, 3)
    rig.run_for(MS)
    assert (client.answered, client.unexpected) == (0, 3)  # port unreachable
    assert rig.machine.init_net.mib.udp.NoPorts == 3


@pytest.mark.parametrize(("nice", "slower"), [(19, 2.0), (-20, 20.0)])
def test_a_hog_gets_what_is_left_and_its_nice_level_decides_how_much(nice: int, slower: float) -> None:
    """Next to a hog that is nice a server's clients hardly notice it, next to one that is not they do."""
    alone, beside = AppRig(), AppRig()
    took = []
    hog = Hog()
    for rig in (alone, beside):
        rig.start(Server(7, service_ns=5_000))
        if rig is beside:
            rig.start(hog, nice=nice)
        took.append(rig.run_until_answered(rig.closed_loop(4, 400), 400))
    ratio = took[1] / took[0]
    assert ratio < slower if nice > 0 else ratio > slower
    assert hog.computed_ns > 0


def test_a_hog_takes_an_idle_cpu_and_ends_when_told() -> None:
    rig = AppRig()
    hog = Hog(round_ns=1000)
    task = start(rig.machine, hog)
    rig.run_for(10 * MS)
    assert hog.computed_ns == pytest.approx(10 * MS, rel=0.01)
    hog.stopping = True
    rig.run_for(10_000)
    assert task.done


def test_an_application_on_another_cpu_than_the_softirq() -> None:
    """The server's CPU does nothing but serve: interrupts and softirqs of reception stay on the other."""
    rig = AppRig(cpus=2)
    server = Server(7, service_ns=20_000)
    start(rig.machine, server, cpu=rig.machine.cpus[1])
    rig.run_for(100_000)
    before = list(rig.machine.cpus[1].time)
    client = rig.closed_loop(4, 100)
    rig.run_until_answered(client, 100)
    for cpu in rig.machine.cpus:
        cpu.account()
    first, second = rig.machine.cpus
    assert second.time[Account.USER] - before[Account.USER] > 100 * 20_000
    assert second.time[Account.SOFTIRQ] - before[Account.SOFTIRQ] < first.time[Account.SOFTIRQ]
    assert first.time[Account.USER] < 100 * 20_000
