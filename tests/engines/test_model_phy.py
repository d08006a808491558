"""The model engine's PHY through MDIC: identification, negotiation, and what the link does to STATUS and ICR."""

from __future__ import annotations

from emulator.model_nic.timing import MDIO_FRAME_NS, NEGOTIATION_NS
from hdl.nic import phy_registers
from hdl.nic.phy_registers import M88E1011_I_PHY_ID, REVISION, Control, SpecificStatus, Status
from hdl.nic.regmap import CTRL, ICR, IMS, MDIC, STATUS
from tests.engines.board import Board


def operate(board: Board, operation: int) -> int:
    board.write(MDIC, operation)
    while not (value := board.read(MDIC)) & MDIC.R:
        board.run(500)
    return value


def read_phy(board: Board, number: int, phy: int = 1) -> int:
    value = operate(board, MDIC.OP.put(2) | MDIC.PHYADD.put(phy) | MDIC.REGADD.put(number))
    assert bool(value & MDIC.E) == (phy != 1)
    return MDIC.DATA.get(value)


def write_phy(board: Board, number: int, value: int) -> None:
    operate(board, MDIC.OP.put(1) | MDIC.PHYADD.put(1) | MDIC.REGADD.put(number) | MDIC.DATA.put(value))


def linked_board() -> Board:
    board = Board()
    board.write(CTRL, CTRL.reset | CTRL.SLU)
    assert board.read(STATUS) & STATUS.LU
    assert board.read(ICR) == ICR.LSC
    return board


def test_a_driver_finds_its_phy() -> None:
    board = Board()
    identifier = read_phy(board, phy_registers.ID1) << 16 | read_phy(board, phy_registers.ID2)
    assert identifier & ~REVISION == M88E1011_I_PHY_ID
    assert read_phy(board, phy_registers.ID1, phy=2) == 0xFFFF


def test_a_negotiation_takes_the_link_down_and_up() -> None:
    board = linked_board()
    write_phy(board, phy_registers.CONTROL, Control.NEGOTIATE | Control.RESTART)
    assert not read_phy(board, phy_registers.STATUS) & Status.NEGOTIATED
    assert not board.read(STATUS) & STATUS.LU
    assert board.read(ICR) == ICR.LSC
    board.run(NEGOTIATION_NS)
    assert board.read(STATUS) & STATUS.LU
    assert board.read(ICR) == ICR.LSC
    assert read_phy(board, phy_registers.STATUS) & (Status.NEGOTIATED | Status.LINK) == Status.NEGOTIATED | Status.LINK
    specific = SpecificStatus(read_phy(board, phy_registers.SPECIFIC_STATUS))
    assert specific & SpecificStatus.SPEED == SpecificStatus.GIGABIT
    assert SpecificStatus.LINK | SpecificStatus.RESOLVED | SpecificStatus.FULL_DUPLEX in specific


def test_a_failure_of_the_link_shows_until_status_was_read() -> None:
    board = linked_board()
    wire = board.engine.wires[0]
    wire.plug(False)
    wire.plug(True)
    board.run(2 * NEGOTIATION_NS)
    assert not read_phy(board, phy_registers.STATUS) & Status.LINK
    assert read_phy(board, phy_registers.STATUS) & Status.LINK


def test_the_link_waits_for_a_partner() -> None:
    board = linked_board()
    wire = board.engine.wires[0]
    wire.plug(False)
    board.run(10 * NEGOTIATION_NS)
    assert not board.read(STATUS) & STATUS.LU
    wire.plug(True)
    board.run(NEGOTIATION_NS)
    assert board.read(STATUS) & STATUS.LU


def test_reset_and_power_down_hold_the_link_down() -> None:
    board = linked_board()
    write_phy(board, phy_registers.ADVERTISE, 0x0DE1)
    board.write(CTRL, CTRL.reset | CTRL.SLU | CTRL.PHY_RST)
    board.run(10 * NEGOTIATION_NS)
    assert not board.read(STATUS) & STATUS.LU
    board.write(CTRL, CTRL.reset | CTRL.SLU)
    board.run(NEGOTIATION_NS)
    assert board.read(STATUS) & STATUS.LU
    assert read_phy(board, phy_registers.ADVERTISE) == 0x01E1
    write_phy(board, phy_registers.CONTROL, Control.NEGOTIATE | Control.POWER_DOWN)
    board.run(10 * NEGOTIATION_NS)
    assert not board.read(STATUS) & STATUS.LU
    write_phy(board, phy_registers.CONTROL, Control.RESET)
    board.run(NEGOTIATION_NS)
    assert board.read(STATUS) & STATUS.LU


def test_the_end_of_an_operation_can_interrupt() -> None:
    board = Board()
    board.write(IMS, ICR.MDAC)
    board.write(MDIC, MDIC.OP.put(2) | MDIC.PHYADD.put(1) | MDIC.REGADD.put(2) | MDIC.I)
    board.write(MDIC, MDIC.OP.put(2) | MDIC.PHYADD.put(1) | MDIC.REGADD.put(3))  # swallowed
    assert board.irq == [False]
    board.run(MDIO_FRAME_NS)
    assert board.irq == [True]
    assert board.read(ICR) == ICR.MDAC
    assert MDIC.DATA.get(board.read(MDIC)) == M88E1011_I_PHY_ID >> 16


def test_a_device_reset_forgets_the_operation_but_lets_it_end() -> None:
    board = Board()
    write = MDIC.OP.put(1) | MDIC.PHYADD.put(1) | MDIC.REGADD.put(phy_registers.ADVERTISE) | MDIC.DATA.put(0x1234)
    board.write(MDIC, write | MDIC.I)
    board.write(CTRL, CTRL.RST)
    assert board.read(MDIC) == 0
    board.run(MDIO_FRAME_NS)
    assert board.read(MDIC) == MDIC.R
    assert board.read(ICR) == 0
    assert read_phy(board, phy_registers.ADVERTISE) == 0x1234


def test_what_is_forced_shows_in_status() -> None:
    board = Board()
    board.write(CTRL, CTRL.FRCSPD | CTRL.FRCDPLX | CTRL.SPEED.put(1))
    status = board.read(STATUS)
    assert (STATUS.SPEED.get(status), STATUS.FD.get(status)) == (1, 0)
    board.write(CTRL, CTRL.SPEED.put(1))
    assert board.read(STATUS) == STATUS.reset
