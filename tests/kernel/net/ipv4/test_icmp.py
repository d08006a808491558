"""ICMP: echo replies, and messages about what could not be delivered (net/ipv4/icmp.c)."""

from __future__ import annotations

import dataclasses

from scapy.layers.inet import ICMP, IP, UDP, IPerror, UDPerror
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from tests.kernel.net.frames import PEER, STATION, address, udp_frame
from tests.kernel.net.host import Host

SECOND = 1_000_000_000


def ping(*, source: str = "10.0.0.2", destination: str = "10.0.0.1", payload: bytes = b"abcdefgh" * 7) -> bytes:
    ether = Ether(src=PEER, dst=STATION)
    return bytes(ether / IP(src=source, dst=destination) / ICMP(type=8, id=7, seq=9) / payload)


def icmp_counters(host: Host) -> dict[str, int]:
    counters: dict[str, int] = dataclasses.asdict(host.mib.icmp)
    return {name: value for name, value in counters.items() if value}


def checksums_right(packet: Ether) -> bool:
    """Whether scapy computes the same frame when it makes the checksums."""
    again = packet.copy()
    for layer in (IP, ICMP):
        del again[layer].chksum
    return bytes(again) == bytes(packet)


def test_an_echo_request_is_answered() -> None:
    host = Host(ip_output=100, dev_queue_xmit=50)
    host.receive(ping())
    host.computer.run(1000)
    (frame,) = host.sent
    reply = Ether(frame)
    assert (reply.src, reply.dst) == ("02:00:00:00:00:01", "02:00:00:00:00:02")
    assert (reply[IP].src, reply[IP].dst) == ("10.0.0.1", "10.0.0.2")
    assert (reply[ICMP].type, reply[ICMP].id, reply[ICMP].seq) == (0, 7, 9)
    assert bytes(reply[Raw]) == b"abcdefgh" * 7
    assert checksums_right(reply)
    assert icmp_counters(host) == {"InMsgs": 1, "InEchos": 1, "OutMsgs": 1, "OutEchoReps": 1}
    assert sum(host.machine.cpus[0].time[1:]) == 150
    assert host.machine.frags.in_use == 0


def test_a_bad_checksum_is_counted_and_not_answered() -> None:
    host = Host()
    host.receive(ping()[:-1] + b"!")
    assert not host.sent
    assert icmp_counters(host) == {"InMsgs": 1, "InErrors": 1, "InCsumErrors": 1}


def test_a_request_from_nowhere_is_not_answered() -> None:
    host = Host()
    host.receive(ping(source="192.168.0.1"), ping(source="10.0.0.9"))
    assert not host.sent
    assert icmp_counters(host) == {"InMsgs": 2, "InEchos": 2}
    assert host.mib.ip.OutNoRoutes == 2


def test_a_port_without_a_socket_is_told_to_the_sender() -> None:
    host = Host()
    frame = udp_frame(b"anybody there?", destination_port=4242)
    host.receive(frame)
    message = Ether(host.sent[0])
    assert (message[ICMP].type, message[ICMP].code) == (3, 3)
    assert (message[IPerror].src, message[UDPerror].dport) == ("10.0.0.2", 4242)
    assert bytes(message[ICMP].payload)[:42] == frame[14:56]
    assert checksums_right(message)
    assert host.mib.udp.NoPorts == 1
    assert icmp_counters(host) == {"OutMsgs": 1, "OutDestUnreachs": 1}
    assert host.drop_reasons == ["NO_SOCKET"]
    assert Ether(frame)[UDP].dport == 4242


def test_a_peer_is_told_six_times_at_once_and_then_once_a_second() -> None:
    host = Host()
    frame = udp_frame(b"", destination_port=4242)
    host.receive(*[frame] * 20)
    assert len(host.sent) == 6
    assert host.mib.icmp.OutRateLimitHost == 14
    host.receive(udp_frame(b"", destination_port=4242, source=address(3)))
    assert host.mib.icmp.OutRateLimitHost == 14  # another peer has its own share (but no neighbour entry)
    host.computer.run(SECOND)
    host.receive(*[frame] * 3)
    assert len(host.sent) == 7


def test_a_quoted_packet_is_cut() -> None:
    host = Host()
    host.receive(udp_frame(bytes(1400), destination_port=4242))
    assert len(host.sent[0]) == 14 + 576
