"""Generated frames: scapy, which had no part in making them, finds them right."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import mac2str

from emulator.generator import MAGIC, PAYLOAD_HEAD, UdpGenerator, station_address

sizes = st.lists(st.integers(60, 1514), min_size=1, max_size=4)


def checked_payload(frame: bytes) -> bytes:
    """The UDP payload of a frame whose lengths and checksums are right."""
    packet = Ether(frame)
    ip_checksum, udp_checksum = packet[IP].chksum, packet[UDP].chksum
    assert udp_checksum
    del packet[IP].chksum, packet[UDP].chksum, packet[IP].len, packet[UDP].len
    rebuilt = Ether(bytes(packet))
    assert (rebuilt[IP].chksum, rebuilt[UDP].chksum) == (ip_checksum, udp_checksum)
    assert bytes(rebuilt) == frame
    return bytes(packet[UDP].payload)


@given(sizes, st.integers(0, 7), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1))
@settings(max_examples=50)
def test_frames_are_valid_udp(sizes: list[int], nic: int, seed: int, send_ns: int) -> None:
    generator = UdpGenerator(sizes, nic=nic, seed=seed)
    for sequence in range(2 * len(sizes)):
        frame = generator.next_frame(send_ns)
        assert len(frame) == sizes[sequence % len(sizes)]
        assert PAYLOAD_HEAD.unpack_from(checked_payload(frame)) == (MAGIC, sequence, send_ns)


def test_no_checksum_is_ever_zero() -> None:
    """Zero would say that there is none: 65,535 takes its place. Over 65,536 send times one checksum has to be it."""
    generator = UdpGenerator([60], nic=0, seed=1)
    found = set()
    for send_ns in range(0, 2 * 65_536):
        frame = generator.next_frame(send_ns)
        found.add(frame[40:42])
        if frame[40:42] == b"\xff\xff":
            checked_payload(frame)
    assert b"\0\0" not in found
    assert b"\xff\xff" in found


def test_the_smallest_frame_has_room_for_nothing_else() -> None:
    assert len(checked_payload(UdpGenerator([60], nic=0, seed=1).next_frame(0))) == PAYLOAD_HEAD.size


def frames(*, nic: int = 0, seed: int = 1) -> list[bytes]:
    generator = UdpGenerator([100, 300], nic=nic, seed=seed)
    return [generator.next_frame(index) for index in range(10)]


def test_the_seed_decides_the_content() -> None:
    assert frames() == frames()
    assert frames() != frames(seed=2)
    assert len({frame[60:] for frame in frames()}) == 10


@pytest.mark.parametrize("layer", ["MAC", "IP", "flow"])
def test_every_nic_has_its_own(layer: str) -> None:
    keys = set()
    for nic in range(8):
        packet = Ether(frames(nic=nic)[0])
        key = {"MAC": packet.dst, "IP": packet[IP].dst, "flow": (packet[IP].src, packet[UDP].sport)}[layer]
        keys.add(key)
        assert mac2str(packet.dst) == station_address(nic) != mac2str(packet.src)
    assert len(keys) == 8
