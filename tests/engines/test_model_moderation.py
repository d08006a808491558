"""Interrupt moderation of the model engine: ITR, RDTR and RADV, TIDV and TADV."""

from __future__ import annotations

import itertools

import pytest

from emulator.engines.base import IrqChanged, WireFrame
from hdl.nic.regmap import CTRL, ICR, ICS, IMS, ITR, RADV, RDTR, TADV, TIDV
from tests.engines.board import MMIO_NS, Board, frame
from tests.engines.tx_board import IDE, WHOLE, TxBoard

UNIT = 1_024
THROTTLE = 256


def rises(board: Board, since: int) -> list[int]:
    """When the interrupt line rose, in ns from then."""
    return [time - since for time, event in board.events if isinstance(event, IrqChanged) and event.level]


def paced(count: int, every_ns: int, board: Board) -> int:
    """Send frames of 60 bytes so far apart; returns when the first one's last byte arrives, in ns."""
    start = board.engine.now + 1000
    board.send(WireFrame(frame(seed=seed), (start + seed * every_ns) * 1000) for seed in range(count))
    return start + 72 * 8


@pytest.fixture
def board() -> Board:
    board = Board()
    board.set_up_ring(64)
    board.write(IMS, ICR.RXT0)
    return board


def latency(board: Board) -> int:
    """From a frame's last byte to the interrupt, with no moderation, in ns."""
    probe = Board()
    probe.set_up_ring(64)
    probe.write(IMS, ICR.RXT0)
    first = paced(1, 0, probe)
    probe.run(20_000)
    return rises(probe, first)[0]


def test_rdtr_waits_until_frames_stop(board: Board) -> None:
    board.write(RDTR, 10)
    first = paced(5, 5_000, board)
    board.run(100_000)
    assert rises(board, first) == [4 * 5_000 + 10 * UNIT + latency(board)]


def test_frames_farther_apart_than_rdtr_each_have_their_interrupt(board: Board) -> None:
    board.write(RDTR, 2)
    first = paced(3, 5_000, board)
    for _ in range(10):
        board.run(4_000)
        board.read(ICR)
    assert len(rises(board, first)) == 3


def test_radv_bounds_the_wait(board: Board) -> None:
    board.write(RDTR, 10)
    board.write(RADV, 15)
    first = paced(5, 5_000, board)
    board.run(20_000)
    board.read(ICR)
    board.run(100_000)
    late = latency(board)
    assert rises(board, first) == [15 * UNIT + late, 4 * 5_000 + 10 * UNIT + late]


def test_a_shorter_delay_counts_for_the_next_frame(board: Board) -> None:
    board.write(RDTR, 1000)
    paced(1, 0, board)
    board.run(5_000)
    board.write(RDTR, 2)
    first = paced(1, 0, board)
    board.run(20_000)
    assert rises(board, first) == [2 * UNIT + latency(board)]


def test_radv_alone_does_nothing(board: Board) -> None:
    board.write(RADV, 15)
    first = paced(1, 0, board)
    board.run(50_000)
    assert rises(board, first) == [latency(board)]


def test_other_receive_causes_are_not_delayed() -> None:
    board = Board()
    board.set_up_ring(8, tail=5)
    board.write(RDTR, 1000)
    board.write(IMS, ICR.RXT0 | ICR.RXDMT0)
    first = paced(1, 0, board)
    board.run(20_000)
    assert rises(board, first) == [latency(board)]
    assert board.read(ICR) == ICR.RXDMT0


def test_reset_stops_the_timers(board: Board) -> None:
    board.write(RDTR, 10)
    paced(1, 0, board)
    board.run(5_000)
    board.write(CTRL, CTRL.RST)
    board.run(100_000)
    assert board.read(ICR) == 0


def test_itr_bounds_the_rate_of_interrupts(board: Board) -> None:
    board.write(ITR, 100)
    first = paced(20, 3_000, board)
    for _ in range(400):  # software acknowledges soon
        board.run(200)
        if board.irq[0]:
            board.read(ICR)
    times = rises(board, first)
    assert [after - before for before, after in itertools.pairwise(times)] == [100 * THROTTLE] * 3
    assert board.read(ICS) == 0


def test_itr_does_not_delay_the_first_interrupt_nor_those_that_are_rare(board: Board) -> None:
    board.write(ITR, 10)
    first = paced(3, 10_000, board)
    for _ in range(100):
        board.run(500)
        if board.irq[0]:
            board.read(ICR)
    late = latency(board)
    assert rises(board, first) == [late, 10_000 + late, 20_000 + late]


def test_a_cause_that_is_gone_before_its_time_does_not_interrupt(board: Board) -> None:
    board.write(ITR, 1000)
    board.write(ICS, ICR.RXT0)
    board.read(ICR)
    board.write(ICS, ICR.RXT0)
    assert board.irq == [False]
    board.read(ICR)
    board.run(1_000_000)
    assert board.irq == [False]
    assert len([event for _, event in board.events if isinstance(event, IrqChanged)]) == 2


def test_clearing_itr_lets_a_held_interrupt_go(board: Board) -> None:
    board.write(ITR, 0xFFFF)
    board.write(ICS, ICR.RXT0)
    board.read(ICR)
    board.write(ICS, ICR.RXT0)
    assert board.irq == [False]
    board.write(ITR, 0)
    assert board.irq == [True]


@pytest.mark.parametrize(("tadv", "waits"), [(0, 5 * 2_000 + 8 * UNIT), (9, 9 * UNIT)])
def test_tidv_and_tadv_delay_descriptors_with_ide(tadv: int, waits: int) -> None:
    def send(*, delayed: bool) -> list[int]:
        board = TxBoard()
        board.write(IMS, ICR.TXDW)
        board.write(TIDV, 8)
        board.write(TADV, tadv)
        at = board.transmit([frame()], WHOLE | IDE if delayed else WHOLE)
        for _ in range(5):
            board.run(2_000)
            board.transmit([frame()], WHOLE | IDE if delayed else WHOLE)
        board.run(100_000)
        return rises(board, at)

    (at_once,) = send(delayed=False)
    assert send(delayed=True) == [at_once + waits]


def test_a_descriptor_without_ide_tells_of_all_before_it() -> None:
    board = TxBoard()
    board.write(IMS, ICR.TXDW)
    board.write(TIDV, 100)
    board.transmit([frame()], WHOLE | IDE)
    board.run(5_000)
    assert board.irq == [False]
    at = board.transmit([frame()])
    board.run(5_000)
    assert rises(board, at)[0] < 3 * MMIO_NS + 5_000
    board.read(ICR)
    board.run(200_000)
    assert len(rises(board, at)) == 1
