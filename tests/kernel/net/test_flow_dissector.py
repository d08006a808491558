"""Hashes of flows (net/core/flow_dissector.c)."""

from __future__ import annotations

from driver.kernel.net.flow_dissector import flow_hash
from tests.kernel.net.frames import Segment, address, udp_frame


def test_both_directions_of_a_connection_have_one_hash() -> None:
    there = udp_frame(b"", source=address(1), destination=address(2), source_port=7, destination_port=9)
    back = udp_frame(b"", source=address(2), destination=address(1), source_port=9, destination_port=7)
    assert flow_hash(there) == flow_hash(back)


def test_the_payload_does_not_matter_and_the_ports_do() -> None:
    assert flow_hash(Segment(payload=b"one", seq=1).frame()) == flow_hash(Segment(payload=b"two", seq=2).frame())
    assert flow_hash(Segment(source_port=1).frame()) != flow_hash(Segment(source_port=2).frame())


def test_all_fragments_of_a_datagram_have_one_hash() -> None:
    first = Segment(fragment=0x2000, payload=b"a" * 8).frame()
    second = Segment(fragment=4, payload=b"b" * 8, source_port=3).frame()
    assert flow_hash(first) == flow_hash(second)


def test_ports_are_found_behind_ip_options() -> None:
    hashes = {flow_hash(Segment(ip_options=b"\x01" * 4, source_port=port).frame()) for port in range(10)}
    assert len(hashes) == 10


def test_flows_spread_over_eight_buckets() -> None:
    buckets = [flow_hash(udp_frame(b"", source_port=port)) % 8 for port in range(1024, 1824)]
    assert all(70 <= buckets.count(bucket) <= 130 for bucket in range(8))


def test_frames_that_are_not_ip_are_hashed_by_their_header() -> None:
    arp = b"\xff" * 6 + b"\x02\0\0\0\0\x01" + b"\x08\x06" + bytes(46)
    assert flow_hash(arp) == flow_hash(arp[:20]) != 0
