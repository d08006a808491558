"""Every register of the model engine keeps the rules of its access kind."""

from __future__ import annotations

import pytest

from hdl.nic import regmap
from hdl.nic.regmap import (
    BAR_BYTES,
    CTRL,
    EERD,
    ICR,
    ICS,
    IMC,
    IMS,
    MDIC,
    RAH,
    RAL,
    RDH,
    RDT,
    STATUS,
    TPR,
    Access,
    Register,
)
from tests.engines.board import OF_THE_BOARD, Board, frame

ALL_ONES = 0xFFFF_FFFF

#: Those of a NIC with one queue.
REGISTERS = [register for register in regmap.REGISTERS if not register.multiqueue]

EVERY_REGISTER = [
    pytest.param(register, offset, id=f"{register.__name__}@{offset:#07x}")
    for register in REGISTERS
    for offset in ((register.at(0), register.at(register.count - 1)) if register.memory else register.offsets())
]


def write_at(board: Board, offset: int, value: int) -> None:
    board.engine.mmio_write(0, offset, value)
    board.read(STATUS)  # pushes the write ahead of it


@pytest.mark.parametrize(("register", "offset"), EVERY_REGISTER)
def test_reset_value(register: type[Register], offset: int) -> None:
    assert not (Board().read_at(offset) ^ register.reset) & ~OF_THE_BOARD.get(register, 0)


@pytest.mark.parametrize(("register", "offset"), EVERY_REGISTER)
def test_write_of_all_ones(register: type[Register], offset: int) -> None:
    board = Board()
    write_at(board, offset, ALL_ONES & ~CTRL.RST if register is CTRL else ALL_ONES)
    match register.access:
        case Access.READ_WRITE:
            expected = (register.writable | register.reset) & ~register.self_clearing
        case Access.SET_BITS:
            expected = register.writable
        case _:
            expected = register.reset
    assert not (board.read_at(offset) ^ expected) & ~register.live


@pytest.mark.parametrize(("register", "offset"), EVERY_REGISTER)
def test_device_reset(register: type[Register], offset: int) -> None:
    board = Board()
    write_at(board, offset, ALL_ONES)
    write_at(board, CTRL.offset, CTRL.RST)
    expected = ALL_ONES if register.memory else register.reset
    assert not (board.read_at(offset) ^ expected) & ~OF_THE_BOARD.get(register, 0)


def test_bits_can_be_cleared_again() -> None:
    board = Board()
    for register in REGISTERS:
        if register.access is Access.READ_WRITE and register not in {EERD, MDIC}:  # ones in which begin a read
            for offset in register.offsets():
                write_at(board, offset, ALL_ONES & ~CTRL.RST)
                write_at(board, offset, 0)
                assert not board.read_at(offset) & register.writable & ~register.live, register.__name__


def test_no_register_reads_zero_and_swallows_writes() -> None:
    board = Board()
    declared = {offset for register in REGISTERS for offset in register.offsets()}
    for offset in range(0, BAR_BYTES, 0x44):
        if offset not in declared:
            write_at(board, offset, ALL_ONES)
            assert board.read_at(offset) == 0, hex(offset)
    for register in REGISTERS:
        if register not in OF_THE_BOARD and register not in {RAL, RAH}:
            assert board.read(register) == register.reset, f"{register.__name__} was changed"


def test_writes_arrive_before_a_later_read() -> None:
    board = Board()
    for value in range(1, 9):
        board.engine.mmio_write(0, RDT.offset, value)
    assert board.read(RDT) == 8


def test_head_is_swallowed_while_the_receiver_is_on() -> None:
    board = Board()
    board.set_up_ring(8)
    board.write(RDH, 3)
    assert board.read(RDH) == 0


def test_link_comes_up_with_slu_and_says_so() -> None:
    board = Board()
    assert not board.read(STATUS) & STATUS.LU
    board.write(CTRL, CTRL.reset | CTRL.SLU)
    assert board.read(STATUS) & STATUS.LU
    assert board.read(ICR) == ICR.LSC
    board.write(CTRL, CTRL.reset)
    assert not board.read(STATUS) & STATUS.LU
    assert board.read(ICR) == ICR.LSC


def test_reset_takes_the_link_down_without_a_cause() -> None:
    board = Board()
    board.write(CTRL, CTRL.reset | CTRL.SLU)
    board.write(CTRL, CTRL.RST)
    assert not board.read(STATUS) & STATUS.LU
    assert board.read(ICR) == 0


def test_reset_lowers_the_interrupt_line() -> None:
    board = Board()
    board.write(IMS, ICR.RXT0)
    board.write(ICS, ICR.RXT0)
    assert board.irq == [True]
    board.write(CTRL, CTRL.RST)
    assert board.irq == [False]


def test_reset_forgets_what_is_in_the_fifo() -> None:
    board = Board()
    board.set_up_ring(8, tail=0)  # no descriptor
    board.receive([frame(seed=seed) for seed in range(5)])
    board.write(CTRL, CTRL.RST)
    assert board.read(TPR) == 0
    board.set_up_ring(8)
    board.receive([frame(seed=9)])
    assert board.payload(0) == frame(seed=9)
    assert not board.done(1)


def test_imc_clears_in_ims() -> None:
    board = Board()
    board.write(IMS, ALL_ONES)
    board.write(IMC, ICR.RXT0 | ICR.RXO)
    assert board.read(IMS) == ICR.writable & ~(ICR.RXT0 | ICR.RXO)
    assert board.read(IMC) == 0
