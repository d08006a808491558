"""Lanes: what must stay in order behind GRO."""

from __future__ import annotations

import pytest

from emulator.flow_order import order_lane
from tests.kernel.net.frames import Segment, udp_frame


def test_segments_of_a_connection_share_a_lane_and_others_do_not() -> None:
    lane = order_lane(Segment(payload=b"one").frame())
    assert lane is not None
    assert lane == order_lane(Segment(payload=b"two", seq=2000, ip_id=1).frame())
    assert lane != order_lane(Segment(payload=b"one", source_port=1).frame())
    assert lane != order_lane(Segment(payload=b"one", client=9).frame())


@pytest.mark.parametrize(
    "frame",
    [
        udp_frame(b"x"),
        Segment(payload=b"x", ip_options=b"\x01" * 4).frame(),
        Segment(payload=b"x", fragment=0x2000).frame(),
        Segment(payload=b"x").frame()[:-1] + b"y",
        b"\xff" * 12 + b"\x08\x06" + bytes(46),
        (b"\xff" * 12 + b"\x08\x00\x45").ljust(30, b"\0"),
    ],
)
def test_what_is_never_held_shares_one(frame: bytes) -> None:
    assert order_lane(frame) is None
