"""UDP sockets: ports, buffers and their limits, checksums, blocking (net/ipv4/udp.c, net/core/sock.c, net/socket.c)."""

from __future__ import annotations

import errno
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from driver.kernel.net.ipv4.udp import Datagram
from driver.kernel.net.netdev_queue import netif_stop_queue
from driver.kernel.net.sock import SO, Sock, SocketOption
from driver.kernel.net.socket import (
    MsgFlags,
    bind,
    close,
    connect,
    getsockopt,
    recvmsg,
    sendmsg,
    setsockopt,
    socket,
)
from tests.kernel.net.frames import address, ipv4_frame, udp_frame
from tests.kernel.net.host import NAPI_ID, Host

MS = 1_000_000
TRUESIZE = 2304  #: of a packet: a buffer of 2048 bytes and 256 of struct sk_buff


def bound(host: Host, port: int = 7, at: str = "0.0.0.0") -> Sock:
    """A socket on a port."""

    async def make() -> Sock:
        sk = await socket()
        await bind(sk, (at, port))
        return sk

    return host.call(make())


def received(host: Host, sk: Sock) -> list[bytes]:
    """What the socket has for recvmsg."""

    async def drain() -> list[bytes]:
        datagrams = []
        while sk.receive_queue:
            datagrams.append((await recvmsg(sk)).data)
        return datagrams

    return host.call(drain())


def error_of(host: Host, code: Coroutine[Any, Any, Any]) -> int | None:
    """The errno of a call that fails."""

    async def attempt() -> int | None:
        with pytest.raises(OSError) as caught:  # noqa: PT011 - the errno is the test
            await code
        return caught.value.errno

    return host.call(attempt())


def to(port: int, data: bytes = b"x", **fields: Any) -> bytes:
    return udp_frame(data, destination_port=port, **fields)


def test_datagrams_reach_the_socket_of_their_port_in_order() -> None:
    host = Host()
    seven, nine = bound(host, 7), bound(host, 9)
    host.receive(to(7, b"one"), to(9, b"two"), to(7, b""), to(7, b"three"))
    assert received(host, seven) == [b"one", b"", b"three"]
    assert received(host, nine) == [b"two"]
    assert host.mib.udp.InDatagrams == 4
    assert host.machine.frags.in_use == 0
    assert seven.rmem_alloc == 0


def test_a_socket_bound_to_an_address_comes_before_one_for_any_and_a_connected_one_before_both() -> None:
    host = Host()
    ours = bound(host, 7, "10.0.0.1")
    host.receive(to(7, b"direct"), to(7, b"to all", destination=address(255)))
    assert received(host, ours) == [b"direct"]
    assert host.mib.udp.NoPorts == 1
    host.call(connect(ours, ("10.0.0.2", 40_000)))
    host.receive(to(7, b"peer"), to(7, b"stranger", source_port=1))
    assert received(host, ours) == [b"peer"]
    assert host.mib.udp.NoPorts == 2


def test_a_port_belongs_to_one_socket() -> None:
    host = Host()
    first = bound(host, 7)
    assert error_of(host, bind(Sock(host.machine), ("10.0.0.1", 7))) == errno.EADDRINUSE
    assert error_of(host, bind(first, ("0.0.0.0", 8))) == errno.EINVAL
    assert error_of(host, bind(Sock(host.machine), ("10.0.0.3", 8))) == errno.EADDRNOTAVAIL
    host.call(close(first))
    assert bound(host, 7).sport == 7
    assert bound(host, 0).sport == 32_768
    assert bound(host, 0).sport == 32_769


def test_the_receive_buffer_takes_92_small_datagrams_by_default() -> None:
    host = Host()
    sk = bound(host)
    host.receive(*[to(7)] * 100)
    assert len(sk.receive_queue) == 212_992 // TRUESIZE == 92
    assert sk.rmem_alloc == 92 * TRUESIZE
    assert (host.mib.udp.RcvbufErrors, host.mib.udp.InErrors, sk.drops) == (8, 8, 8)
    assert host.drop_reasons == ["SOCKET_RCVBUFF"] * 8
    assert len(received(host, sk)) == 92
    host.receive(to(7))
    assert received(host, sk) == [b"x"]


@pytest.mark.parametrize(("asked", "granted", "fit"), [(0, 2304, 1), (2304, 4608, 2), (10**9, 425_984, 184)])
def test_so_rcvbuf_is_doubled_and_bounded(asked: int, granted: int, fit: int) -> None:
    host = Host()
    sk = bound(host)
    host.call(setsockopt(sk, SO.SO_RCVBUF, asked))
    assert host.call(getsockopt(sk, SO.SO_RCVBUF)) == granted
    host.receive(*[to(7)] * (fit + 1))
    assert len(sk.receive_queue) == fit


def test_an_empty_socket_takes_any_packet() -> None:
    host = Host()
    sk = bound(host)
    sk.rcvbuf = 100
    host.receive(to(7), to(7))
    assert len(sk.receive_queue) == 1


def test_padding_is_not_data_and_lengths_are_checked() -> None:
    host = Host()
    sk = bound(host)
    good = to(7, b"abc")
    too_long = good[:38] + (60).to_bytes(2, "big") + good[40:]
    too_short = good[:38] + (7).to_bytes(2, "big") + good[40:]
    host.receive(good, too_long, too_short, ipv4_frame(bytes(7), 17))
    assert received(host, sk) == [b"abc"]
    assert host.mib.udp.InErrors == 3
    assert host.drop_reasons == ["PKT_TOO_SMALL"] * 3


def test_a_wrong_checksum_is_found_when_the_datagram_is_received() -> None:
    host = Host()
    sk = bound(host)
    host.receive(to(7, b"bad", checksum=1), to(7, b"none", checksum=0), to(7, b"good"))
    assert len(sk.receive_queue) == 3
    assert received(host, sk) == [b"none", b"good"]
    assert (host.mib.udp.InCsumErrors, host.mib.udp.InErrors, host.mib.udp.InDatagrams) == (1, 1, 2)
    assert host.drop_reasons == ["UDP_CSUM"]
    host.receive(to(8, b"bad", checksum=1))
    assert (host.mib.udp.InCsumErrors, host.mib.udp.NoPorts) == (2, 0)
    assert not host.sent


# --- blocking ---------------------------------------------------------------------------------------------------------


def test_recvmsg_sleeps_until_a_datagram_comes() -> None:
    host = Host(wakeup=900, context_switch=1100, recvmsg=150, syscall=100, copy=1024)
    sk = bound(host)
    got: list[Datagram] = []
    times: list[int] = []

    async def reader() -> None:
        for _ in range(2):
            got.append(await recvmsg(sk))
            times.append(host.machine.now)

    host.computer.spawn(reader())
    host.computer.run(host.machine.now + 5 * MS)
    assert not got
    host.receive(to(7, b"hello"), to(7, b"again"))
    queued = host.machine.now
    host.computer.run(queued + 5 * MS)
    assert got == [Datagram(b"hello", address(2), 40_000), Datagram(b"again", address(2), 40_000)]
    switch_and_wake, receive = 2000, 150 + 13  # with 8 bytes of UDP header, at 1 ns each
    assert 0 <= times[0] - (queued + switch_and_wake + receive) + 100 <= 100  # host.receive looks every 100 ns
    assert times[1] - times[0] == 100 + receive


def test_one_datagram_wakes_one_reader() -> None:
    host = Host()
    sk = bound(host)
    readers: list[int] = []

    async def reader(number: int) -> None:
        await recvmsg(sk)
        readers.append(number)

    for number in range(3):
        host.computer.spawn(reader(number))
    host.computer.run(host.machine.now + MS)
    host.receive(to(7))
    host.computer.run(host.machine.now + MS)
    assert readers == [0]
    host.receive(to(7), to(7))
    host.computer.run(host.machine.now + MS)
    assert readers == [0, 1, 2]


def test_a_receive_timeout_ends_the_wait() -> None:
    host = Host()
    sk = bound(host)
    host.call(setsockopt(sk, SO.SO_RCVTIMEO, 2_500_000))
    start = host.machine.now
    ended: list[int] = []

    async def reader() -> None:
        with pytest.raises(BlockingIOError):
            await recvmsg(sk)
        ended.append(host.machine.now - start)

    host.computer.spawn(reader())
    host.computer.run(start + 100 * MS)
    assert ended == [3 * MS]  # three jiffies
    assert not sk.wq._entries


def test_dontwait_does_not() -> None:
    host = Host()
    assert error_of(host, recvmsg(bound(host), MsgFlags.MSG_DONTWAIT)) == errno.EAGAIN


# --- sending ----------------------------------------------------------------------------------------------------------


def test_a_reply_goes_back_to_the_sender() -> None:
    host = Host()
    sk = bound(host)
    host.receive(to(7, b"ping"))

    async def echo() -> int:
        datagram = await recvmsg(sk)
        return await sendmsg(sk, datagram.data[::-1], datagram)

    assert host.call(echo()) == 4
    packet = Ether(host.sent[0])
    assert (packet.src, packet.dst) == ("02:00:00:00:00:01", "02:00:00:00:00:02")
    assert (packet[IP].src, packet[IP].dst, packet[IP].flags) == ("10.0.0.1", "10.0.0.2", "DF")
    assert (packet[UDP].sport, packet[UDP].dport, bytes(packet[UDP].payload)) == (7, 40_000, b"gnip")
    again = packet.copy()
    del again[IP].chksum, again[UDP].chksum
    assert bytes(again) == bytes(packet)
    assert host.mib.udp.OutDatagrams == host.mib.ip.OutRequests == 1
    assert host.machine.frags.in_use == 0


@pytest.mark.parametrize(
    ("peer", "size", "error"),
    [
        (address(2), 1473, errno.EMSGSIZE),
        (address(9), 10, errno.EHOSTUNREACH),
        (b"\x01\x01\x01\x01", 10, errno.ENETUNREACH),
    ],
)
def test_what_cannot_be_sent_is_an_error(peer: bytes, size: int, error: int) -> None:
    host = Host()
    assert error_of(host, sendmsg(bound(host), bytes(size), Datagram(b"", peer, 9))) == error


def test_an_unbound_socket_gets_a_port_and_an_unconnected_one_has_no_peer() -> None:
    host = Host()
    sk = Sock(host.machine)
    assert error_of(host, sendmsg(sk, b"x")) == errno.EDESTADDRREQ
    host.call(connect(sk, ("10.0.0.2", 9)))
    host.call(sendmsg(sk, b"x"))
    assert Ether(host.sent[0])[UDP].sport == sk.sport == 32_768


def test_a_full_send_buffer_blocks_until_half_of_it_is_free() -> None:
    host = Host()
    host.hold = True
    sk = bound(host)
    host.call(setsockopt(sk, SO.SO_SNDBUF, 2304))  # room for four, the least that Linux allows
    sent: list[int] = []

    async def writer() -> None:
        for number in range(6):
            await sendmsg(sk, b"x", Datagram(b"", address(2), 9))
            sent.append(number)

    host.computer.spawn(writer())
    host.computer.run(host.machine.now + MS)
    assert sent == [0, 1]
    assert error_of(host, sendmsg(sk, b"x", Datagram(b"", address(2), 9), MsgFlags.MSG_DONTWAIT)) == errno.EAGAIN
    host.release(1)
    host.computer.run(host.machine.now + MS)
    assert len(sent) > 2
    host.release(len(host.held))
    host.computer.run(host.machine.now + MS)
    host.release(len(host.held))
    host.computer.run(host.machine.now + MS)
    assert sent == list(range(6))
    host.release(len(host.held))
    assert sk.wmem_alloc == 0


def test_what_the_interface_drops_is_counted_and_not_told() -> None:
    host = Host()
    netif_stop_queue(host.dev)
    host.dev.tx_queues[0].qdisc.limit = 2
    sk = bound(host)

    async def writer() -> list[int]:
        return [await sendmsg(sk, b"xyz", Datagram(b"", address(2), 9)) for _ in range(5)]

    assert host.call(writer()) == [3] * 5
    assert host.mib.udp.SndbufErrors == host.mib.ip.OutDiscards == len(host.drops) == 2  # one more went to the driver
    assert host.mib.udp.OutDatagrams == 3


# --- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value"), [(SO.SO_BUSY_POLL, 50), (SO.SO_PREFER_BUSY_POLL, 1), (SO.SO_BUSY_POLL_BUDGET, 64)]
)
def test_busy_poll_options_are_kept(option: SocketOption, value: int) -> None:
    host = Host()
    sk = bound(host)
    assert host.call(getsockopt(sk, option)) == 0
    host.call(setsockopt(sk, option, value))
    assert host.call(getsockopt(sk, option)) == value


def test_bad_options_are_refused() -> None:
    host = Host()
    sk = bound(host)
    calls: list[tuple[Callable[[], Coroutine[Any, Any, Any]], int]] = [
        (lambda: setsockopt(sk, SO.SO_BUSY_POLL, -1), errno.EINVAL),
        (lambda: setsockopt(sk, SO.SO_BUSY_POLL_BUDGET, 65_536), errno.EINVAL),
        (lambda: setsockopt(sk, SO.SO_INCOMING_NAPI_ID, 1), errno.ENOPROTOOPT),
        (lambda: getsockopt(sk, SO.SO_RCVTIMEO), errno.ENOPROTOOPT),
    ]
    for call, error in calls:
        assert error_of(host, call()) == error


def test_the_incoming_napi_id_is_that_of_the_first_packet() -> None:
    host = Host()
    sk = bound(host)
    assert host.call(getsockopt(sk, SO.SO_INCOMING_NAPI_ID)) == 0
    host.receive(to(7))
    assert host.call(getsockopt(sk, SO.SO_INCOMING_NAPI_ID)) == NAPI_ID
    sk.napi_id = 3
    assert host.call(getsockopt(sk, SO.SO_INCOMING_NAPI_ID)) == 0


def test_closing_frees_what_nobody_received() -> None:
    host = Host()
    sk = bound(host)
    host.receive(to(7), to(7))
    host.call(close(sk))
    assert host.machine.frags.in_use == 0
    host.receive(to(7))
    assert host.mib.udp.NoPorts == 1


def test_every_system_call_costs_its_way_into_the_kernel() -> None:
    host = Host(syscall=100)
    cpu = host.machine.cpus[0]

    async def calls() -> list[int]:
        times = [cpu.machine.now]
        sk = await socket()
        for call in (
            lambda: bind(sk, ("0.0.0.0", 7)),
            lambda: connect(sk, ("10.0.0.2", 9)),
            lambda: setsockopt(sk, SO.SO_BUSY_POLL, 0),
            lambda: getsockopt(sk, SO.SO_BUSY_POLL),
            lambda: sendmsg(sk, b"x"),
            lambda: host.deliver(to(7, source_port=9)),
            lambda: recvmsg(sk),
            lambda: close(sk),
        ):
            times.append(cpu.machine.now)
            await call()
        return [later - earlier for earlier, later in zip(times, [*times[1:], cpu.machine.now], strict=True)]

    assert host.call(calls()) == [100, 100, 100, 100, 100, 100, 0, 100, 100]
