"""The client on the wire: what it sends when, which answers it takes, and what it measures."""

from __future__ import annotations

from collections.abc import Iterable

from emulator.client import Client, ClosedLoopClient, OpenLoopClient
from emulator.engines.base import Listener, SentFrame, Verdict, WireFrame
from emulator.generator import UdpGenerator, peer_address, station_address
from emulator.results import Latency
from emulator.wire_timing import WireTiming

BYTE_PS = 8000


class FakeWire:
    """A wire that keeps what is sent; the test plays the NIC.

    Attributes:
        sent: frames in order, and when their last byte has passed, in ps.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, int]] = []
        self.idle = True
        self.cut_off = 0
        self._timing = WireTiming(BYTE_PS)
        self._listener: Listener | None = None

    def send(self, frames: Iterable[WireFrame]) -> None:
        for frame in frames:
            self.sent.append((frame.data, self._timing.send(len(frame.data), frame.start_ps)[1]))

    def listen(self, listener: Listener) -> None:
        self._listener = listener

    def take_verdicts(self) -> list[Verdict]:
        return []

    def answer(self, index: int, end_ps: int, *, bad_fcs: bool = False) -> None:
        """Send a request back, its addresses swapped."""
        self.transmit(swapped(self.sent[index][0]), end_ps, bad_fcs=bad_fcs)

    def transmit(self, data: bytes, end_ps: int, *, bad_fcs: bool = False) -> None:
        assert self._listener is not None
        self._listener(SentFrame(data, 0, end_ps, bad_fcs))


def swapped(frame: bytes) -> bytes:
    """The frame with its MAC addresses and ports swapped."""
    return frame[6:12] + frame[:6] + frame[12:34] + frame[36:38] + frame[34:36] + frame[38:]


def generator() -> UdpGenerator:
    return UdpGenerator([60, 100], nic=0, seed=1, port=7)


def open_loop(pps: int, count: int, origin_ps: int = 0) -> tuple[OpenLoopClient, FakeWire]:
    wire = FakeWire()
    client = OpenLoopClient(wire, generator(), 0)
    client.start(pps, count, origin_ps)
    return client, wire


def closed_loop(outstanding: int, count: int) -> tuple[ClosedLoopClient, FakeWire]:
    wire = FakeWire()
    client = ClosedLoopClient(wire, generator(), 0)
    client.start(outstanding, count, 0)
    return client, wire


def test_open_loop_sends_at_its_rate_whatever_happens() -> None:
    client, wire = open_loop(100_000, 5, origin_ps=7_000_000)
    times = [end_ps - (8 + len(data) + 4) * BYTE_PS for data, end_ps in wire.sent]
    assert times == [7_000_000 + index * 10_000_000 for index in range(5)]
    assert (client.sent, client.outstanding) == (5, 5)


def test_latency_counts_from_when_a_request_was_due() -> None:
    client, wire = open_loop(10_000_000, 3)  # faster than the wire: 100 ns apart, but a frame takes 672
    for index in range(3):
        wire.answer(index, 5_000_000)
    assert client.latencies == {5000: 1, 4900: 1, 4800: 1}
    assert client.latency == Latency(min=4800, p50=4900, p99=5000, max=5000)
    assert (client.answered, client.outstanding) == (3, 0)


def test_closed_loop_keeps_its_number_of_requests_under_way() -> None:
    client, wire = closed_loop(3, 8)
    for answered in range(8):
        assert client.outstanding == min(3, 8 - answered)
        assert len(wire.sent) == min(3 + answered, 8)
        wire.answer(answered, (answered + 1) * 50_000_000)
    assert (client.sent, client.answered, client.outstanding) == (8, 8, 0)
    assert client.latency is not None
    assert client.latency.max == 150_000


def test_answers_may_come_in_any_order() -> None:
    client, wire = closed_loop(4, 4)
    for index in (2, 0, 3, 1):
        wire.answer(index, 1_000_000 * (index + 1))
    assert sorted(client.latencies) == [1000, 2000, 3000, 4000]


def test_a_lost_request_is_given_up_and_its_answer_is_late() -> None:
    client, wire = closed_loop(2, 4)
    wire.answer(0, 10_000_000)  # request 2 goes out at 10 us
    client.give_up(15_000_000, 20_000_000)
    assert (client.lost, client.outstanding, client.sent) == (1, 2, 4)
    wire.answer(1, 21_000_000)
    wire.answer(2, 22_000_000)
    wire.answer(2, 23_000_000)
    assert (client.answered, client.late) == (2, 2)
    wire.answer(3, 25_000_000)
    assert sorted(client.latencies) == [5_000, 10_000, 12_000]
    assert client.sent == client.answered + client.lost


def test_other_frames_are_counted() -> None:
    client, wire = open_loop(1000, 1)
    request = wire.sent[0][0]
    good = swapped(request)
    others = [
        request,  # not for us
        good[:12] + b"\x08\x06" + good[14:],
        good[:23] + b"\x01" + good[24:],
        good[:42] + b"XX" + good[44:],
        good[:50],
        good[:34] + b"\x00\x08" + good[36:],
        good[:44] + (5).to_bytes(8, "big") + good[52:],  # a request that was never sent
    ]
    for frame in others:
        wire.transmit(frame, 1_000_000)
    wire.answer(0, 1_000_000, bad_fcs=True)
    assert (client.unexpected, client.answered) == (len(others) + 1, 0)
    wire.answer(0, 1_000_000)
    assert client.answered == 1


def test_requests_are_addressed_to_the_station() -> None:
    _, wire = open_loop(1000, 1)
    data = wire.sent[0][0]
    assert (data[:6], data[6:12]) == (station_address(0), peer_address(0))
    assert int.from_bytes(data[36:38], "big") == 7


def test_without_answers_there_is_no_latency() -> None:
    client: Client = open_loop(1000, 1)[0]
    assert client.latency is None


def test_a_request_cannot_be_answered_twice() -> None:
    client, wire = open_loop(1000, 1)
    wire.answer(0, 1_000_000)
    wire.answer(0, 2_000_000)
    assert (client.answered, client.late) == (1, 1)
    assert client.latencies == {1000: 1}
