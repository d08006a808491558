"""Transmission of the model engine: descriptors, write-backs, causes, and the frames' times on the wire."""

from __future__ import annotations

import dataclasses
import itertools
import random
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.engines.base import SentFrame, WireFrame
from hdl.nic.layouts import TxDescriptor
from hdl.nic.regmap import (
    BPTC,
    CTRL,
    GOTCH,
    GOTCL,
    GPTC,
    ICR,
    MPTC,
    TCTL,
    TDBAL,
    TDH,
    TDLEN,
    TDT,
    TIPG,
    TPT,
    TXDCTL,
)
from tests.engines.board import BYTE_PS, COSTS, frame
from tests.engines.tx_board import BUFFERS_AT, EOP, IFCS, RING_AT, RPS, RS, TxBoard


def frames_of(board: TxBoard) -> list[bytes]:
    return [sent.data for sent in board.sent]


def test_frames_leave_as_they_are_in_memory_and_in_order() -> None:
    board = TxBoard()
    frames = [frame(60 + 97 * seed, seed=seed) for seed in range(15)]
    board.transmit(frames)
    board.run(1_000_000)
    assert frames_of(board) == frames
    assert not any(sent.bad_fcs for sent in board.sent)
    assert board.read(TDH) == board.read(TDT) == 15
    assert all(board.written_back(index) for index in range(15))


def test_the_ring_wraps() -> None:
    board = TxBoard(8)
    frames = [frame(seed=seed) for seed in range(30)]
    for start in range(0, 30, 5):
        board.transmit(frames[start : start + 5])
        board.run(100_000)
    assert frames_of(board) == frames


def test_a_frame_of_several_descriptors_leaves_when_it_is_whole() -> None:
    board = TxBoard()
    data = frame(1000)
    board.lay_out(data[:100], 0)
    board.lay_out(data[100:700], 0)
    board.transmit([])
    board.run(100_000)
    assert not board.sent
    board.transmit([data[700:]])
    board.run(100_000)
    assert frames_of(board) == [data]
    assert [board.written_back(index) for index in range(3)] == [False, False, True]


def test_only_descriptors_with_rs_are_written_back_and_say_so() -> None:
    board = TxBoard()
    board.transmit([frame(seed=1), frame(seed=2)], EOP | IFCS)
    board.lay_out(frame(seed=3))
    board.transmit([frame(seed=4)], EOP | IFCS)
    board.run(100_000)
    assert len(board.sent) == 4
    assert [board.written_back(index) for index in range(4)] == [False, False, True, False]
    assert board.read(TDH) == 4


def test_causes_come_after_the_write_back_and_when_the_ring_is_empty() -> None:
    board = TxBoard()
    board.read(ICR)
    board.transmit([frame()], EOP | IFCS)
    board.run(100_000)
    assert board.read(ICR) == ICR.TXQE | ICR.TXD_LOW
    board.transmit([frame()])
    board.run(100_000)
    assert board.read(ICR) == ICR.TXQE | ICR.TXD_LOW | ICR.TXDW


def test_back_to_back_frames_keep_the_line_rate_and_the_gap() -> None:
    board = TxBoard()
    board.transmit(frame(60 + index, seed=index) for index in range(20))
    board.run(1_000_000)
    for before, after in itertools.pairwise(board.sent):
        assert after.start_ps - before.end_ps == 12 * BYTE_PS
    for sent in board.sent:
        assert sent.end_ps - sent.start_ps == (8 + len(sent.data) + 4) * BYTE_PS


@pytest.mark.parametrize(("ipgt", "gap"), [(0, 12), (8, 12), (10, 14), (1023, 1027)])
def test_tipg_sets_the_gap(ipgt: int, gap: int) -> None:
    board = TxBoard()
    board.write(TIPG, TIPG.IPGT.put(ipgt))
    board.transmit([frame(), frame()])
    board.run(100_000)
    first, second = board.sent
    assert second.start_ps - first.end_ps == gap * BYTE_PS


def test_minimum_frames_fill_the_fastest_wire() -> None:
    """Fetches overlap, so the latency of memory does not limit the rate."""
    board = TxBoard(byte_ps=1_000, costs=dataclasses.replace(COSTS, dma_read=2_000))
    board.transmit(frame(seed=index) for index in range(60))
    board.run(1_000_000)
    assert len(board.sent) == 60
    assert board.sent[-1].end_ps - board.sent[0].start_ps == (60 * (8 + 60 + 4 + 12) - 12) * 1_000


def test_the_fifo_bounds_how_far_fetching_runs_ahead() -> None:
    board = TxBoard(byte_ps=80_000)  # 100 Mb/s
    board.transmit(frame(1514, seed=index) for index in range(40))
    board.run(121_000)  # one frame takes 122.6 us
    assert board.read(TDH) == 10  # 16 KiB
    board.run(122_640)
    assert board.read(TDH) == 11
    board.run(10_000_000)
    assert len(board.sent) == 40


def test_the_first_byte_leaves_after_request_descriptor_and_data() -> None:
    board = TxBoard()
    at = board.transmit([frame()])
    board.run(10_000)
    latency = board.sent[0].start_ps // 1000 - at
    assert 250 + 2 * COSTS.dma_read <= latency <= 250 + 2 * COSTS.dma_read + 200


def test_listeners_hear_a_frame_at_its_end() -> None:
    board = TxBoard()
    heard: list[tuple[int, SentFrame]] = []
    board.engine.wires[0].listen(lambda sent: heard.append((board.engine._schedule.now, sent)))
    board.transmit([frame(), frame(200)])
    board.run(100_000)
    assert [time for time, _ in heard] == [sent.end_ps // 1000 for _, sent in heard]


def test_who_listens_may_answer() -> None:
    board = TxBoard()
    board.set_up_ring(16)
    wire = board.engine.wires[0]
    wire.listen(lambda sent: wire.send([WireFrame(sent.data[::-1])]))
    board.transmit([frame(seed=7)])
    board.run(100_000)
    assert board.payload(0) == frame(seed=7)[::-1]


def test_short_frames_are_padded_on_request() -> None:
    board = TxBoard(tctl=TCTL.EN | TCTL.PSP)
    board.transmit([frame(20)])
    board.run(100_000)
    assert frames_of(board) == [frame(20).ljust(60, b"\0")]
    board.write(TCTL, TCTL.EN)
    board.transmit([frame(20)])
    board.run(100_000)
    assert frames_of(board)[1:] == [frame(20)]


def test_without_ifcs_software_makes_the_fcs() -> None:
    board = TxBoard()
    data = frame(100)
    fcs = zlib.crc32(data).to_bytes(4, "little")
    board.transmit([data + fcs, data + b"\0\0\0\0"], EOP | RS)
    board.run(100_000)
    assert [(sent.data, sent.bad_fcs) for sent in board.sent] == [(data, False), (data, True)]


def test_statistics_count_what_left() -> None:
    board = TxBoard()
    frames = [frame(60), frame(100, destination=b"\xff" * 6), frame(1514, destination=b"\x01\0\x5e\0\0\1")]
    board.transmit(frames)
    board.run(100_000)
    octets = sum(len(data) + 4 for data in frames)
    expected = {GPTC: 3, TPT: 3, BPTC: 1, MPTC: 1, GOTCL: octets}
    assert {register: board.read(register) for register in expected} == expected
    assert board.read(GOTCL) == octets
    assert board.read(GOTCH) == 0
    assert board.read(GOTCL) == 0


@pytest.mark.parametrize("what", ["transmitter", "link"])
def test_nothing_leaves_while_transmitter_or_link_is_off(what: str) -> None:
    board = TxBoard()
    register, off, on = (TCTL, 0, TCTL.EN) if what == "transmitter" else (CTRL, CTRL.reset, CTRL.reset | CTRL.SLU)
    board.write(register, off)
    board.transmit([frame()])
    board.run(100_000)
    assert not board.sent
    assert not board.written_back(0)
    board.write(register, on)
    board.run(100_000)
    assert frames_of(board) == [frame()]


def test_head_and_base_are_taken_while_the_transmitter_is_off_only() -> None:
    board = TxBoard()
    board.write(TDH, 5)
    assert board.read(TDH) == 0
    board.write(TCTL, 0)
    board.write(TDH, 5)
    assert board.read(TDH) == 5
    board.tail = 5
    board.lay_out(frame(seed=5))
    board.transmit([])
    board.write(TCTL, TCTL.EN)
    board.run(100_000)
    assert frames_of(board) == [frame(seed=5)]


def test_a_reset_cuts_off_what_is_under_way() -> None:
    board = TxBoard()
    board.transmit(frame(1514, seed=seed) for seed in range(5))
    board.run(20_000)
    assert len(board.sent) == 1
    board.write(CTRL, CTRL.RST)
    board.run(100_000)
    assert len(board.sent) == 1
    assert board.engine.wires[0].cut_off == 4
    assert board.read(GPTC) == board.read(TDH) == 0


@pytest.mark.parametrize("fault", ["ring", "buffer", "length"])
def test_what_the_queue_cannot_do_halts_it_until_a_reset(fault: str) -> None:
    board = TxBoard()
    memory = board.engine.memory
    if fault == "ring":
        board.write(TCTL, 0)
        board.write(TDBAL, memory.size - 8)
        board.write(TCTL, TCTL.EN)
    board.lay_out(frame())
    if fault == "buffer":
        memory.write(RING_AT, TxDescriptor.const({"address": memory.size - 10}).as_bits().to_bytes(16, "little")[:8])
    if fault == "length":
        memory.write(
            RING_AT, TxDescriptor.const({"address": 4096, "length": 16289}).as_bits().to_bytes(16, "little")[:10]
        )
    board.read(ICR)
    board.transmit([frame()])
    board.run(100_000)
    assert not board.sent
    assert board.read(ICR) == ICR.FER
    set_up_anew(board)
    board.run(100_000)
    assert not board.sent
    board.write(CTRL, CTRL.RST)
    board.write(CTRL, CTRL.reset | CTRL.SLU)
    set_up_anew(board)
    board.run(100_000)
    assert frames_of(board) == [frame()]


def set_up_anew(board: TxBoard) -> None:
    """Begin with the second descriptor."""
    board.write(TCTL, 0)
    board.write(TDBAL, RING_AT)
    board.write(TDLEN, 0)
    board.write(TDLEN, 64 * 16)
    board.write(TDH, 1)
    board.write(TDT, 2)
    board.write(TCTL, TCTL.EN)


def test_a_descriptor_with_rps_is_done_when_its_frame_has_left() -> None:
    """And so are those behind it; RPS alone asks for the write-back."""
    board = TxBoard()
    data = [frame(1500), frame()]
    board.transmit(data[:1], EOP | IFCS | RPS)
    board.transmit(data[1:])
    board.run(1_500 * 8)
    assert not board.sent
    assert not board.written_back(0)
    assert not board.written_back(1)
    board.run(100_000)
    assert frames_of(board) == data
    assert board.written_back(0)
    assert board.written_back(1)


@pytest.mark.parametrize("threshold", [0, 1])
def test_the_low_threshold(threshold: int) -> None:
    board = TxBoard()
    board.write(TXDCTL, TXDCTL.LWTHRESH.put(threshold))
    board.transmit(frame(seed=index) for index in range(8))
    board.run(1_000_000)
    assert bool(board.read(ICR) & ICR.TXD_LOW) == (not threshold)
    board.transmit(frame(seed=index) for index in range(9))
    board.run(1_000_000)
    assert board.read(ICR) & ICR.TXD_LOW


def test_a_frame_with_its_own_fcs_is_not_padded() -> None:
    board = TxBoard()
    board.write(TCTL, TCTL.EN | TCTL.PSP)
    data = frame(40)
    board.transmit([data], EOP)
    board.run(100_000)
    assert frames_of(board) == [data[:-4]]
    assert board.sent[0].bad_fcs


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.lists(st.integers(1, 1600), min_size=1, max_size=4), st.booleans()), max_size=40))
def test_any_frames_in_any_pieces_leave_once_and_in_order(plan: list[tuple[list[int], bool]]) -> None:
    """A driver that fills the ring as far as it may, whatever the frames and their pieces."""
    rng = random.Random(len(plan))
    board = TxBoard(16, byte_ps=1_000)
    expected = []
    for pieces, report in plan:
        while (board.read(TDH) - board.tail - 1) % 16 < len(pieces):
            board.run(1_000)
        parts = [rng.randbytes(length) for length in pieces]
        expected.append(b"".join(parts))
        for part in parts[:-1]:
            board.lay_out(part, 0)
        board.transmit(parts[-1:], EOP | IFCS | (RS if report else 0))
    board.run(1_000_000)
    assert frames_of(board) == expected
    assert all(after.start_ps >= before.end_ps for before, after in itertools.pairwise(board.sent))
    assert board.engine.memory.size >= BUFFERS_AT + 16 * 0x1000
