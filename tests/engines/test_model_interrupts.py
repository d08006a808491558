"""Interrupt causes, mask and line of the model engine."""

from __future__ import annotations

from emulator.engines.base import IrqChanged, MmioDone
from hdl.nic.regmap import CTRL_EXT, IAM, ICR, ICS, IMC, IMS, STATUS
from tests.engines.board import MMIO_NS, Board, frame


def test_reading_icr_clears_it_and_lowers_the_line() -> None:
    board = Board()
    board.write(IMS, ICR.RXT0)
    board.write(ICS, ICR.RXT0 | ICR.LSC)
    assert board.irq == [True]
    assert board.read(ICR) == ICR.RXT0 | ICR.LSC
    assert board.irq == [False]
    assert board.read(ICR) == 0


def test_writing_icr_clears_the_bits_written_as_one() -> None:
    board = Board()
    board.write(ICS, ICR.RXT0 | ICR.LSC | ICR.RXO)
    board.write(ICR, ICR.RXT0 | ICR.RXO)
    assert board.read(ICS) == ICR.LSC, "reading ICS does not clear"
    assert board.read(ICR) == ICR.LSC


def test_masked_causes_latch_and_unmasking_interrupts_at_once() -> None:
    board = Board()
    board.write(ICS, ICR.RXT0)
    board.run(100_000)
    assert board.irq == [False]
    board.write(IMS, ICR.LSC)
    assert board.irq == [False]
    board.write(IMS, ICR.RXT0)
    assert board.irq == [True]


def test_masking_lowers_the_line_and_keeps_the_cause() -> None:
    board = Board()
    board.write(IMS, ICR.RXT0)
    board.write(ICS, ICR.RXT0)
    board.write(IMC, ICR.RXT0)
    assert board.irq == [False]
    assert board.read(ICR) == ICR.RXT0


def test_other_causes_interrupt_while_receive_is_masked() -> None:
    board = Board()
    board.set_up_ring(8)
    board.write(IMS, ICR.writable)
    board.write(IMC, ICR.RXT0 | ICR.RXDMT0 | ICR.RXO)
    board.receive([frame()])
    assert board.irq == [False]
    board.write(ICS, ICR.LSC)
    assert board.irq == [True]


def test_frame_raises_rxt0_after_its_descriptor_is_written_back() -> None:
    board = Board()
    board.set_up_ring(8)
    board.write(IMS, ICR.RXT0)
    board.send([frame()])
    while not board.irq[0]:
        assert board.engine.now < 10_000_000
        board.advance(board.engine.now + 1_000_000)
    assert board.done(0)
    assert board.read(ICR) == ICR.RXT0


def test_line_change_does_not_come_after_the_completion_that_tells_of_it() -> None:
    """A read clears the cause: whoever has its value has also seen the line fall."""
    board = Board()
    board.write(IMS, ICR.RXT0)
    board.write(ICS, ICR.RXT0)
    board.events.clear()
    board.read(ICR)
    (fallen, first), (completed, second) = board.events
    assert isinstance(first, IrqChanged)
    assert isinstance(second, MmioDone)
    assert fallen <= completed


def test_line_that_falls_and_rises_within_an_instant_is_silent() -> None:
    """What one clock of the RTL could not show must not show here."""
    board = Board()
    board.write(IMS, ICR.RXT0)
    board.write(ICS, ICR.RXT0)
    board.engine.mmio_write(0, ICR.offset, ICR.RXT0)
    board.run(MMIO_NS * 4)
    changes = [event.level for _, event in board.events if isinstance(event, IrqChanged)]
    assert changes == [True, False]


def test_nics_have_lines_of_their_own() -> None:
    board = Board(nics=3)
    board.write(IMS, ICR.LSC, nic=1)
    board.write(ICS, ICR.LSC, nic=1)
    assert board.irq == [False, True, False]
    assert board.read(ICS, nic=0) == 0
    assert board.read(ICS, nic=1) == ICR.LSC


def test_events_of_one_instant_come_lines_first_by_nic() -> None:
    board = Board(nics=3)
    for nic in range(3):
        board.write(IMS, ICR.LSC, nic=nic)
    for nic in (2, 0, 1):
        board.engine.mmio_write(nic, ICS.offset, ICR.LSC)
    board.run(10)
    events = board.advance(board.engine.now + 10 * MMIO_NS)
    assert events == [IrqChanged(nic, True) for nic in range(3)]
    for tag, nic in enumerate((2, 1, 0)):
        board.engine.mmio_read(nic, STATUS.offset, tag)
    events = board.advance(board.engine.now + 10 * MMIO_NS)
    assert [event.tag for event in events if isinstance(event, MmioDone)] == [2, 1, 0]


def test_an_access_to_icr_masks_what_iam_names_if_iame_is_set() -> None:
    board = Board()
    board.write(IMS, ICR.RXT0 | ICR.LSC)
    board.write(IAM, ICR.RXT0)
    board.read(ICR)
    assert board.read(IMS) == ICR.RXT0 | ICR.LSC
    board.write(CTRL_EXT, CTRL_EXT.IAME)
    board.read(ICR)
    assert board.read(IMS) == ICR.LSC
    board.write(IMS, ICR.RXT0)
    board.write(ICR, 0)
    assert board.read(IMS) == ICR.LSC
