"""The model engine's EEPROM: what the device reads by itself, EERD, and the pins in software's hands."""

from __future__ import annotations

import random

import pytest

from emulator.model_nic.microwire import contents, station_address
from emulator.model_nic.timing import EEPROM_WORD_NS
from hdl.nic.eeprom_words import CHECKSUM, WORDS, Word
from hdl.nic.regmap import CTRL, CTRL_EXT, EECD, EERD, RAH, RAL
from tests.engines.board import Board

READ = [1, 1, 0]
WRITE = [1, 0, 1]
ENABLE = [1, 0, 0, 1, 1, 0, 0, 0, 0]
DISABLE = [1, 0, 0, 0, 0, 0, 0, 0, 0]


def read_word(board: Board, address: int) -> int:
    board.write(EERD, EERD.START | EERD.ADDR.put(address))
    while not (value := board.read(EERD)) & EERD.DONE:
        board.run(500)
    assert EERD.ADDR.get(value) == address
    return EERD.DATA.get(value)


def station(board: Board, nic: int = 0) -> tuple[int, int]:
    return board.read(RAL, nic), board.read(RAH, nic)


def as_registers(address: bytes) -> tuple[int, int]:
    return int.from_bytes(address[:4], "little"), int.from_bytes(address[4:], "little") | RAH.AV


def take_pins(board: Board) -> None:
    board.write(EECD, EECD.REQ)
    while not board.read(EECD) & EECD.GNT:
        board.run(500)


def clock(board: Board, bits: list[int]) -> list[int]:
    """Clock bits in while the EEPROM is selected; returns what it said after each."""
    answers = []
    for bit in bits:
        pins = EECD.REQ | EECD.CS | EECD.DI * bit
        board.write(EECD, pins)
        board.write(EECD, pins | EECD.SK)
        answers.append(EECD.DO.get(board.read(EECD)))
    board.write(EECD, EECD.REQ | EECD.CS)
    return answers


def command(board: Board, bits: list[int]) -> list[int]:
    answers = clock(board, bits)
    board.write(EECD, EECD.REQ)
    return answers


def number(value: int, width: int) -> list[int]:
    return [value >> bit & 1 for bit in reversed(range(width))]


def test_every_nic_loads_its_own_address_after_a_reset() -> None:
    board = Board(2)
    assert station(board) == (0, 0)
    board.run(5 * EEPROM_WORD_NS)
    for nic in range(2):
        assert station(board, nic) == as_registers(station_address(nic))
        assert board.read(EECD, nic) & EECD.PRES
    board.write(CTRL, CTRL.RST)
    assert station(board) == (0, 0)
    board.run(5 * EEPROM_WORD_NS)
    assert station(board) == as_registers(station_address(0))


def test_software_that_writes_the_address_first_has_the_last_word() -> None:
    board = Board()
    board.write(RAL, 0x12345678)
    board.run(5 * EEPROM_WORD_NS)
    assert station(board) == (0x12345678, 0)
    board.write(CTRL_EXT, CTRL_EXT.EE_RST)
    board.run(5 * EEPROM_WORD_NS)
    assert station(board) == as_registers(station_address(0))


def test_an_eeprom_without_its_signature_is_none() -> None:
    board = Board()
    board.engine._ports[0].nic.eeprom.words[Word.INIT_CONTROL1] = 0xFFFF
    board.write(CTRL, CTRL.RST)
    board.run(5 * EEPROM_WORD_NS)
    assert station(board) == (0, 0)
    assert not board.read(EECD) & EECD.PRES


def test_eerd_reads_every_word() -> None:
    board = Board()
    words = [read_word(board, address) for address in range(WORDS)]
    assert words == contents(0)
    assert sum(words) & 0xFFFF == CHECKSUM


def test_a_second_start_is_swallowed() -> None:
    board = Board()
    board.write(EERD, EERD.START | EERD.ADDR.put(9))
    board.write(EERD, EERD.START | EERD.ADDR.put(8))
    board.run(6 * EEPROM_WORD_NS)
    assert board.read(EERD) == EERD.ADDR.put(9) | EERD.DONE | EERD.DATA.put(contents(0)[9])


def test_software_reads_on_from_word_to_word() -> None:
    board = Board()
    take_pins(board)
    answers = command(board, [*READ, *number(62, 6), *[0] * 48])
    assert answers[8] == 0
    expected = [bit for word in (62, 63, 0) for bit in number(contents(0)[word], 16)]
    assert answers[9:] == expected


def test_the_pins_are_not_softwares_without_a_grant() -> None:
    board = Board()
    board.run(5 * EEPROM_WORD_NS)
    assert all(command_bits == 1 for command_bits in _without_request(board))
    take_pins(board)
    board.write(EERD, EERD.START | EERD.ADDR.put(7))
    board.run(5 * EEPROM_WORD_NS)
    assert not board.read(EERD) & EERD.DONE
    board.write(EECD, 0)
    assert not board.read(EECD) & EECD.GNT
    board.run(2 * EEPROM_WORD_NS)
    assert EERD.DATA.get(board.read(EERD)) == contents(0)[7]


def _without_request(board: Board) -> list[int]:
    answers = []
    for bit in [*READ, *number(0, 6), *[0] * 16]:
        board.write(EECD, EECD.CS | EECD.DI * bit)
        board.write(EECD, EECD.CS | EECD.DI * bit | EECD.SK)
        answers.append(EECD.DO.get(board.read(EECD)))
    board.write(EECD, 0)
    return answers


@pytest.mark.parametrize("enabled", [True, False])
def test_writes_need_to_be_enabled(enabled: bool) -> None:
    board = Board()
    take_pins(board)
    value = random.Random(1).getrandbits(16)
    command(board, ENABLE)
    if not enabled:
        command(board, DISABLE)
    command(board, [*WRITE, *number(0x20, 6), *number(value, 16)])
    board.write(EECD, 0)
    assert read_word(board, 0x20) == (value if enabled else contents(0)[0x20])
