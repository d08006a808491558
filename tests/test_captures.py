"""The bundled capture holds what captures/README.md says it holds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from scapy.data import DLT_EN10MB
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet
from scapy.utils import RawPcapNgReader

CAPTURE = Path(__file__).parents[1] / "captures" / "http-udp-ping.pcapng"


def records() -> list[tuple[bytes, Any]]:
    """Frames with the capture's metadata, which scapy gives no type that mypy could follow."""
    with RawPcapNgReader(str(CAPTURE)) as reader:
        return list(reader)


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    for frame, meta in records():
        assert meta.linktype == DLT_EN10MB
        assert meta.wirelen == len(frame), "truncated frame"
    return [frame for frame, _ in records()]


@pytest.fixture(scope="module")
def packets(frames: list[bytes]) -> list[Packet]:
    return [Ether(frame) for frame in frames]


def protocol(packet: Packet) -> str:
    return next(layer.__name__ for layer in (ARP, ICMP, UDP, TCP) if layer in packet)


def test_count_and_sizes(frames: list[bytes]) -> None:
    assert 500 <= len(frames) <= 2000
    sizes = Counter(map(len, frames))
    assert (min(sizes), max(sizes)) == (60, 1514)
    assert len(sizes) > 20
    assert CAPTURE.stat().st_size < 500_000


def test_time_never_goes_back() -> None:
    times = [(meta.tshigh << 32) + meta.tslow for _, meta in records()]
    assert times == sorted(times)
    assert times[0] < times[-1]


def test_every_protocol_in_both_directions(packets: list[Packet]) -> None:
    seen = Counter((protocol(packet), packet.src) for packet in packets)
    stations = {packet.src for packet in packets}
    assert len(stations) == 2
    for name in ("ARP", "ICMP", "UDP", "TCP"):
        for station in stations:
            assert seen[name, station] >= 2, f"{name} from {station}"


def test_http_request_and_reply(packets: list[Packet]) -> None:
    payloads = [bytes(packet[TCP].payload) for packet in packets if TCP in packet]
    assert any(payload.startswith(b"GET / ") or payload.startswith(b"GET /index.html ") for payload in payloads)
    assert any(payload.startswith(b"HTTP/1.0 200 OK\r\n") for payload in payloads)


def test_udp_replies_equal_requests(packets: list[Packet]) -> None:
    client = packets[0].src  # ARP asks first
    payloads: dict[bool, list[bytes]] = {True: [], False: []}
    for packet in packets:
        if UDP in packet:
            payloads[packet.src == client].append(bytes(packet[UDP].payload))
    assert len(payloads[True]) >= 50
    assert payloads[True] == payloads[False]


def test_checksums_are_filled_in(packets: list[Packet]) -> None:
    """Checksum offload was off: what scapy computes anew is what was recorded."""
    for number, packet in enumerate(packets):
        if IP not in packet:
            continue
        again = packet.copy()
        for layer in (IP, ICMP, UDP, TCP):
            if layer in again:
                del again[layer].chksum
        assert bytes(again) == bytes(packet), f"frame {number}: {packet.summary()}"


def test_padding_is_zeros(frames: list[bytes], packets: list[Packet]) -> None:
    padded = [frame for frame in frames if len(frame) == 60]
    assert padded
    for frame, packet in zip(frames, packets, strict=True):
        if len(frame) == 60:
            end = 14 + (packet[IP].len if IP in packet else 28)
            assert not any(frame[end:])
