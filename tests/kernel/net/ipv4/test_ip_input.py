"""IPv4 packets that come in: what is delivered, and where the rest is counted (net/ipv4/ip_input.c)."""

from __future__ import annotations

import dataclasses

import pytest

from driver.kernel.net.gro import napi_gro_receive
from driver.kernel.net.netdev_features import NETIF_F_GRO
from driver.kernel.net.skbuff import build_skb
from tests.kernel.net.frames import Segment, address, ipv4_frame, rfc1071, udp_frame
from tests.kernel.net.host import Host
from tests.kernel.net.test_napi import add_device, nothing

GOOD = udp_frame(b"hello")


def ip_counters(host: Host) -> dict[str, int]:
    """Counters of Ip: that are not zero."""
    counters: dict[str, int] = dataclasses.asdict(host.mib.ip)
    return {name: value for name, value in counters.items() if value and name != "InOctets"}


def with_ip(frame: bytes, at: int, value: bytes) -> bytes:
    """A frame with other bytes in its IP header, and the right checksum for them."""
    header = bytearray(frame[14:34])
    header[at : at + len(value)] = value
    header[10:12] = bytes(2)
    header[10:12] = rfc1071(bytes(header)).to_bytes(2, "big")
    return frame[:14] + bytes(header) + frame[34:]


CASES: dict[str, tuple[bytes, str, dict[str, int]]] = {
    "not version 4": (with_ip(GOOD, 0, b"\x65"), "IP_INHDR", {"InHdrErrors": 1}),
    "short header": (with_ip(GOOD, 0, b"\x44"), "IP_INHDR", {"InHdrErrors": 1}),
    "header longer than the frame": (with_ip(GOOD, 0, b"\x4f"), "IP_INHDR", {"InHdrErrors": 1}),
    "length below the header": (with_ip(GOOD, 2, b"\x00\x13"), "IP_INHDR", {"InHdrErrors": 1}),
    "checksum": (GOOD[:22] + b"\x41" + GOOD[23:], "IP_CSUM", {"InHdrErrors": 1, "InCsumErrors": 1}),
    "truncated": (with_ip(GOOD, 2, b"\x01\x00"), "PKT_TOO_SMALL", {"InTruncatedPkts": 1}),
    "another address": (udp_frame(b"", destination=address(9)), "IP_INADDRERRORS", {"InAddrErrors": 1}),
    "a fragment": (with_ip(GOOD, 6, b"\x20\x00"), "NOT_SPECIFIED", {"ReasmReqds": 1, "ReasmFails": 1}),
    "protocol": (ipv4_frame(bytes(30), 200), "IP_NOPROTO", {"InUnknownProtos": 1, "OutRequests": 1}),
}


@pytest.mark.parametrize(("frame", "reason", "counted"), CASES.values(), ids=CASES)
def test_what_is_wrong_is_dropped_and_counted(frame: bytes, reason: str, counted: dict[str, int]) -> None:
    host = Host()
    host.receive(frame)
    assert host.drop_reasons == [reason]
    assert ip_counters(host) == {"InReceives": 1} | counted
    assert host.machine.frags.in_use == 0


def test_without_an_address_a_packet_ends_at_netif_receive_skb() -> None:
    host = Host()
    host.dev.ip_ptr = None
    host.receive(GOOD)
    assert ip_counters(host) == {}
    assert not host.drops
    assert host.machine.frags.in_use == 0


def test_frames_for_another_station_are_not_looked_at() -> None:
    host = Host()
    host.receive(udp_frame(b"", ether=b"\x02\0\0\0\0\x77" + b"\x02\0\0\0\0\x02"))
    assert host.drop_reasons == ["OTHERHOST"]
    assert ip_counters(host) == {}


@pytest.mark.parametrize("destination", [address(255), b"\xff" * 4])
def test_broadcasts_are_for_us(destination: bytes) -> None:
    host = Host()
    host.receive(udp_frame(b"", destination=destination, ether=b"\xff" * 6 + b"\x02\0\0\0\0\x02"))
    assert ip_counters(host) == {"InReceives": 1, "InDelivers": 1}
    assert host.mib.udp.NoPorts == 1
    assert not host.sent  # nobody is told of a broadcast that nobody wants


def test_what_is_not_ip_is_dropped_by_the_core() -> None:
    host = Host()
    host.receive(b"\xff" * 6 + b"\x02\0\0\0\0\x02" + b"\x08\x06" + bytes(46))
    assert host.drop_reasons == ["UNHANDLED_PROTO"]
    assert host.dev.core_rx_dropped == 1


def test_options_do_not_hide_the_payload() -> None:
    host = Host()
    datagram = udp_frame(b"x")[34:43]
    host.receive(ipv4_frame(datagram, 17, options=b"\x01" * 4).ljust(60, b"\0"))
    assert host.mib.udp.NoPorts == 1


def test_a_merged_tcp_packet_is_delivered_as_its_segments() -> None:
    host = Host()
    host.dev.features |= NETIF_F_GRO
    napi = add_device(host.computer, nothing)

    async def poll() -> None:
        for index in range(40):
            frame = Segment(seq=100 * index, payload=bytes(100), ip_id=index).frame()
            buffer = host.machine.frags.alloc()
            host.machine.memory.write(buffer, frame)
            await napi_gro_receive(napi, build_skb(buffer, len(frame), host.dev))
        assert napi.gro is not None
        await napi.gro.gro_flush_normal(flush_old=False)

    host.call(poll())
    assert ip_counters(host) == {"InReceives": 40, "InDelivers": 1}
    assert host.mib.ip.InOctets == 40 + 4000
    assert host.mib.tcp.InSegs == 40
    assert not host.drops
    assert host.machine.frags.in_use == 0
