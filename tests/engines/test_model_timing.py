"""Time on the model engine: the wire's spacing, MMIO latency, and how fast frames go to memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from emulator.engines.base import MmioDone, Verdict, WireFrame
from emulator.engines.model import ModelEngine
from emulator.errors import RunFailed
from hdl.nic.regmap import ICR, RCTL, RDT, STATUS
from tests.engines.board import BYTE_PS, COSTS, MMIO_NS, PROMISCUOUS, RING_AT, Board, frame

CLOCK_NS = 8


def arrivals(board: Board, until: int) -> list[int]:
    """When verdicts fell, ns by ns."""
    times = []
    while board.engine.now < until:
        board.advance(board.engine.now + 1)
        times += [board.engine.now] * len(board.engine.wires[0].take_verdicts())
    return times


def test_back_to_back_frames_keep_preamble_fcs_and_gap() -> None:
    board = Board()
    lengths = [60, 61, 200, 60]
    board.send(frame(length) for length in lengths)
    byte_ns = BYTE_PS // 1000
    expected, free = [], 0
    for length in lengths:
        end = free + (8 + length + 4) * byte_ns
        expected.append(end)
        free = end + 12 * byte_ns
    assert arrivals(board, 8_000) == expected


def test_frame_starts_at_its_earliest_time_but_never_too_close() -> None:
    board = Board()
    occupied = 84 * 8
    board.send([WireFrame(frame(), 1_000_000), WireFrame(frame(), 1_000_001), WireFrame(frame(), 5_000_000)])
    assert arrivals(board, 8_000) == [1_000 + 72 * 8, 1_000 + occupied + 72 * 8, 5_000 + 72 * 8]


def test_wire_that_was_silent_does_not_send_into_the_past() -> None:
    board = Board()
    board.run(10_000)
    board.send([frame()])
    assert arrivals(board, 20_000) == [10_000 + 72 * 8]


def test_frame_has_arrived_no_earlier_than_its_last_bit() -> None:
    """A byte time that is no whole number of ns: the end is rounded up."""
    board = Board(byte_ps=801)
    board.send([frame()])
    assert arrivals(board, 100) == [-(-72 * 801 // 1000)]


def test_wire_reads_frames_as_they_go_out() -> None:
    board = Board()
    taken = []

    def source() -> Iterator[WireFrame]:
        for number in range(1_000_000):
            taken.append(number)
            yield WireFrame(frame())

    board.engine.wires[0].send(source())
    board.run(10 * 672)
    assert len(taken) <= 12
    assert not board.engine.wires[0].idle


def test_wire_is_idle_when_all_have_left() -> None:
    board = Board()
    wire = board.engine.wires[0]
    assert wire.idle
    wire.send([])
    assert wire.idle
    wire.send([WireFrame(frame())])
    wire.send([WireFrame(frame())])
    assert not wire.idle
    board.run(672 + 575)
    assert not wire.idle
    board.run(1)
    assert wire.idle
    assert wire.take_verdicts() == [Verdict.DISABLED] * 2
    assert wire.take_verdicts() == []


def test_mmio_takes_its_latency_both_ways() -> None:
    board = Board()
    started = board.engine.now
    board.read(STATUS)
    assert 2 * MMIO_NS < board.engine.now - started <= 2 * MMIO_NS + 8 * CLOCK_NS


def test_accesses_of_one_instant_follow_each_other_by_a_clock() -> None:
    board = Board()
    for tag in range(4):
        board.engine.mmio_read(0, STATUS.offset, tag)
    board.run(10 * MMIO_NS)
    times = [time for time, event in board.events if isinstance(event, MmioDone)]
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == [CLOCK_NS] * 3
    assert [event.tag for _, event in board.events if isinstance(event, MmioDone)] == [0, 1, 2, 3]


def test_advance_stops_at_the_first_instant_with_events() -> None:
    board = Board()
    board.engine.mmio_read(0, STATUS.offset, 7)
    assert board.advance(1_000_000) == [MmioDone(7, STATUS.reset)]
    assert board.engine.now < 1_000
    assert board.advance(1_000_000) == []
    assert board.engine.now == 1_000_000


@pytest.mark.parametrize("length", [64, 65, 127, 128, 129, 1518])
def test_dma_keeps_up_with_frames_back_to_back(length: int) -> None:
    """One byte of wire per ns, 64-byte frames every 10.5 clocks: with descriptors there is never a frame missed."""
    board = Board(byte_ps=1000)
    board.set_up_ring(4096, rctl=PROMISCUOUS & ~RCTL.SECRC)
    count = 2_000
    assert board.receive([frame(length - 4)] * count) == [Verdict.KEPT] * count
    assert board.done(count - 1)


def test_latency_from_wire_to_interrupt_is_what_the_profile_says() -> None:
    board = Board()
    board.set_up_ring(8)
    board.write(RDT, 7)
    began = board.engine.now
    board.send([frame()])
    while not board.read(ICR) & ICR.RXT0:
        pass
    arrived = began + 72 * BYTE_PS // 1000
    least = arrived + 2 * COSTS.dma_write  # payload, then write-back
    assert least < board.engine.now < least + 60 * CLOCK_NS + 4 * MMIO_NS


def test_nics_do_not_disturb_each_other() -> None:
    one, three = Board(), Board(nics=3)
    for board in (one, three):
        board.set_up_ring(64)
    for nic in (1, 2):
        three.send([frame()] * 50, nic=nic)
    assert one.receive([frame()] * 50) == three.receive([frame()] * 50)
    assert one.read(ICR) == three.read(ICR)
    assert one.engine.memory.read(RING_AT, 1024) == three.engine.memory.read(RING_AT, 1024)


def test_memory_has_an_end() -> None:
    memory = ModelEngine(1, COSTS, BYTE_PS, memory_bytes=4096).memory
    memory.write(4090, b"abcdef")
    assert memory.read(4090, 6) == b"abcdef"
    for access in (lambda: memory.read(4091, 6), lambda: memory.write(4091, b"abcdef"), lambda: memory.write(-1, b"a")):
        with pytest.raises(RunFailed, match="host memory ends at 0x1000"):
            access()
