"""The NIC's side of the EEPROM: EECD, EERD, and what it reads by itself after a reset (SDM 5.6, 13.4.3, 13.4.4)."""

from __future__ import annotations

from collections.abc import Callable

from emulator.model_nic.microwire import MicrowireEeprom
from emulator.model_nic.schedule import Schedule
from emulator.model_nic.timing import EEPROM_WORD_NS
from hdl.nic.eeprom_words import SIGNATURE, SIGNATURE_LSB, STATION_WORDS, WORDS, Word
from hdl.nic.regmap import EECD, EERD

_BY_ITSELF = (Word.INIT_CONTROL1, *STATION_WORDS)


class EepromPort:
    """Shares the EEPROM between software's pins, EERD and the device."""

    __slots__ = (
        "_address",
        "_busy",
        "_device",
        "_done",
        "_eecd",
        "_generation",
        "_granted",
        "_load",
        "_loading",
        "_overtaken",
        "_present",
        "_schedule",
        "_wanted",
        "_word",
    )

    def __init__(self, schedule: Schedule, device: MicrowireEeprom, load: Callable[[bytes], None]) -> None:
        """``load`` is called with the MAC address that the device has read."""
        self._schedule = schedule
        self._device = device
        self._load = load
        self._generation = 0  # what was begun in an earlier one comes to nothing
        self.reset()

    def reset(self) -> None:
        """Device reset: registers as documented, then the device reads by itself."""
        self._generation += 1
        self._eecd = EECD.reset
        self._granted = self._busy = self._wanted = self._done = self._present = False
        self._address = self._word = 0
        self._drive_pins()
        self.reload()

    def reload(self) -> None:
        """CTRL_EXT.EE_RST: the device reads by itself."""
        self._loading: list[int] | None = []  # the words so far
        self._overtaken = False
        self._go_on()

    def station_written(self) -> None:
        """Software writes the first receive address: what the device is reading comes too late."""
        self._overtaken = True

    def read_eecd(self) -> int:
        """A read of EECD."""
        live = EECD.DO * self._device.do | EECD.GNT * self._granted | EECD.PRES * self._present
        return self._eecd | live

    def write_eecd(self, value: int) -> None:
        """A write to EECD."""
        self._eecd = value
        if not value & EECD.REQ:
            self._granted = False
        self._go_on()
        self._drive_pins()

    def read_eerd(self) -> int:
        """A read of EERD."""
        return EERD.DONE * self._done | EERD.ADDR.put(self._address) | EERD.DATA.put(self._word)

    def write_eerd(self, value: int) -> None:
        """A write to EERD; swallowed while a word is being read for it."""
        if self._wanted:
            return
        self._address = EERD.ADDR.get(value)
        if value & EERD.START:
            self._wanted, self._done = True, False
            self._go_on()

    def _drive_pins(self) -> None:
        if self._granted:
            self._device.pins(
                cs=bool(self._eecd & EECD.CS), sk=bool(self._eecd & EECD.SK), di=bool(self._eecd & EECD.DI)
            )
        else:
            self._device.pins(cs=False, sk=False, di=False)

    def _go_on(self) -> None:
        """Begin what is to be done next, if nothing is."""
        if self._busy or self._granted:
            return
        if self._loading is None and not self._wanted:
            self._granted = bool(self._eecd & EECD.REQ)
            return
        self._busy = True
        for_itself = self._loading is not None
        address = _BY_ITSELF[len(self._loading)] if self._loading is not None else self._address
        due = self._schedule.now + EEPROM_WORD_NS
        self._schedule.at(due, self._word_read, (self._generation, for_itself, self._device.words[address % WORDS]))

    def _word_read(self, work: tuple[int, bool, int]) -> None:
        generation, for_itself, word = work
        if generation != self._generation:
            return
        self._busy = False
        if not for_itself:
            self._wanted, self._done, self._word = False, True, word
        elif self._loading is not None:
            self._loading.append(word)
            self._loaded(self._loading)
        self._go_on()
        self._drive_pins()

    def _loaded(self, words: list[int]) -> None:
        """Look at what the device has read by itself so far."""
        if len(words) == 1:
            self._present = words[0] >> SIGNATURE_LSB == SIGNATURE
        if not self._present:
            self._loading = None
        elif len(words) == len(_BY_ITSELF):
            self._loading = None
            if not self._overtaken:
                self._load(b"".join(word.to_bytes(2, "little") for word in words[1:]))
