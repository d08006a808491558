"""The EEPROM on the board: a microwire device of the 93C46 family, as hdl/harness/eeprom.v is, and what is in it."""

from __future__ import annotations

from hdl.nic.eeprom_words import CHECKSUM, WORDS, Word

_WORD_BITS = 16
_WORD_MASK = (1 << _WORD_BITS) - 1
_BLANK = _WORD_MASK  # an erased word

_OTHER, _WRITE, _READ = 0b00, 0b01, 0b10
_COMMAND_BITS = 9  # a start bit, two of opcode, six of address
_ADDRESS_MASK = WORDS - 1
_DISABLE, _ENABLE = 0b00, 0b11  # highest bits of the address of another command

#: The MAC address of NIC 0; the last byte of the others is their number.
_STATION = b"\x02\x0e\x10\x00\x00\x00"


def station_address(nic: int) -> bytes:
    """The MAC address in the EEPROM of a NIC."""
    return _STATION[:-1] + bytes([nic])


def contents(nic: int) -> list[int]:
    """What the EEPROM of a NIC holds at first."""
    words = [_BLANK] * WORDS
    station = station_address(nic)
    words[Word.STATION_0 : Word.STATION_2 + 1] = [int.from_bytes(station[at : at + 2], "little") for at in (0, 2, 4)]
    words[Word.INIT_CONTROL1] = 0x4408
    words[Word.SUBSYSTEM_ID] = 0x001E
    words[Word.SUBSYSTEM_VENDOR_ID] = words[Word.VENDOR_ID] = 0x8086
    words[Word.DEVICE_ID] = 0x100E
    words[Word.INIT_CONTROL2] = 0x3040
    words[Word.CHECKSUM] = (CHECKSUM - sum(words[: Word.CHECKSUM])) & _WORD_MASK
    return words


class MicrowireEeprom:
    """Takes a bit when SK rises; a read goes on with the next word.

    Attributes:
        words: what it holds.
        do: its output.
    """

    __slots__ = ("_address", "_command", "_enabled", "_shift", "_sk", "_taken", "do", "words")

    def __init__(self, words: list[int]) -> None:
        self.words = words
        self._sk = False
        self._enabled = False
        self._deselect()

    def _deselect(self) -> None:
        self.do = True
        self._taken = self._command = 0  # bits since the start bit, it among them; and the bits of the command
        self._address = self._shift = 0

    def pins(self, *, cs: bool, sk: bool, di: bool) -> None:
        """The levels at its inputs are now these."""
        rises, self._sk = sk and not self._sk, sk
        if not cs:
            self._deselect()
        elif rises:
            self._clock(int(di))

    def _clock(self, di: int) -> None:
        if not self._taken and not di:
            return
        self._taken += 1
        if self._taken <= _COMMAND_BITS:
            self._command = self._command << 1 | di
            if self._taken == _COMMAND_BITS:
                self._decode()
        elif self._opcode == _READ:
            self._shift_out()
        elif self._opcode == _WRITE:
            self._shift_in(di)

    @property
    def _opcode(self) -> int:
        return self._command >> 6 & 0b11

    def _decode(self) -> None:
        self._address = self._command & _ADDRESS_MASK
        if self._opcode == _READ:
            self.do = False
            self._shift = self.words[self._address]
        elif self._opcode == _OTHER and self._address >> 4 in {_DISABLE, _ENABLE}:
            self._enabled = self._address >> 4 == _ENABLE

    def _shift_out(self) -> None:
        self.do = bool(self._shift >> _WORD_BITS - 1)
        self._shift = self._shift << 1 & _WORD_MASK
        if self._taken == _COMMAND_BITS + _WORD_BITS:
            self._taken = _COMMAND_BITS
            self._address = self._address + 1 & _ADDRESS_MASK
            self._shift = self.words[self._address]

    def _shift_in(self, di: int) -> None:
        self._shift = self._shift << 1 & _WORD_MASK | di
        if self._taken == _COMMAND_BITS + _WORD_BITS:
            if self._enabled:
                self.words[self._address] = self._shift
            self._deselect()
