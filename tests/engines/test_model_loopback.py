"""Loopback of the model engine (RCTL.LBM): what is sent is received, and the wire is left out."""

from __future__ import annotations

import pytest

from emulator.engines.base import Verdict
from hdl.nic.regmap import GPRC, GPTC, RCTL, TPR
from tests.engines.board import PROMISCUOUS, frame
from tests.engines.tx_board import TxBoard

FRAMES = [frame(60 + 97 * seed, seed=seed) for seed in range(10)]


def test_frames_come_back_whole_and_in_order() -> None:
    board = TxBoard()
    board.set_up_ring(rctl=PROMISCUOUS | RCTL.LBM.put(3))
    board.transmit(FRAMES)
    board.run(1_000_000)
    assert [board.payload(index) for index in range(10)] == FRAMES
    assert not board.sent
    assert board.read(GPTC) == board.read(GPRC) == 10


def test_no_link_is_needed() -> None:
    board = TxBoard()
    board.engine.wires[0].plug(False)
    board.set_up_ring(rctl=PROMISCUOUS | RCTL.LBM.put(1))
    board.transmit(FRAMES)
    board.run(1_000_000)
    assert [board.payload(index) for index in range(10)] == FRAMES


def test_the_receiver_must_be_on() -> None:
    board = TxBoard()
    board.set_up_ring(rctl=(PROMISCUOUS | RCTL.LBM.put(3)) & ~RCTL.EN)
    board.transmit(FRAMES)
    board.run(1_000_000)
    assert not board.done(0)
    assert board.read(GPTC) == 10


@pytest.mark.parametrize("off", [False, True])
def test_frames_from_the_wire_are_not_heard_until_it_is_off(off: bool) -> None:
    board = TxBoard()
    board.set_up_ring(rctl=PROMISCUOUS | RCTL.LBM.put(3))
    if off:
        board.write(RCTL, PROMISCUOUS)
    verdicts = board.receive(FRAMES)
    assert set(verdicts) == {Verdict.KEPT if off else Verdict.DISABLED}
    assert board.read(TPR) == (10 if off else 0)


def test_a_frame_on_the_wire_when_it_is_switched_is_heard_to_its_end() -> None:
    board = TxBoard()
    board.set_up_ring()
    board.send([frame(1514), frame(60)])
    board.run(1_000)
    board.write(RCTL, PROMISCUOUS | RCTL.LBM.put(3))
    board.run_until_silent()
    assert board.engine.wires[0].take_verdicts() == [Verdict.KEPT, Verdict.DISABLED]
