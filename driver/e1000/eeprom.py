"""The EEPROM: reading words, its checksum, and the MAC address in it (e1000_hw.c; SDM 5.3, 13.4.4)."""

from __future__ import annotations

from driver.e1000.hw import er32, ew32
from driver.kernel.delay import udelay
from driver.kernel.io import Iomem
from hdl.nic.eeprom_words import CHECKSUM, STATION_WORDS, Word
from hdl.nic.regmap import EERD

#: How often EERD is looked at, 5 us apart, before the EEPROM is given up.
_ATTEMPTS = 100_000
_POLL_USECS = 5


async def e1000_poll_eerd_done(hw: Iomem) -> int | None:
    """Wait until the read that was started is over; EERD, or None if that takes too long."""
    for _ in range(_ATTEMPTS):
        eerd = await er32(hw, EERD)
        if eerd & EERD.DONE:
            return eerd
        await udelay(_POLL_USECS)
    return None


async def e1000_read_eeprom(hw: Iomem, offset: int, words: int) -> list[int] | None:
    """Words of the EEPROM from an offset on, or None if it does not answer."""
    data = []
    for word in range(offset, offset + words):
        await ew32(hw, EERD, EERD.ADDR.put(word) | EERD.START)
        eerd = await e1000_poll_eerd_done(hw)
        if eerd is None:
            return None
        data.append(EERD.DATA.get(eerd))
    return data


async def e1000_validate_eeprom_checksum(hw: Iomem) -> bool:
    """Whether all words up to the checksum's add up to what they should."""
    words = await e1000_read_eeprom(hw, 0, Word.CHECKSUM + 1)
    return words is not None and sum(words) & 0xFFFF == CHECKSUM


async def e1000_read_mac_addr(hw: Iomem) -> bytes | None:
    """The device's MAC address, or None if the EEPROM does not answer."""
    words = await e1000_read_eeprom(hw, STATION_WORDS[0], len(STATION_WORDS))
    return None if words is None else b"".join(word.to_bytes(2, "little") for word in words)
