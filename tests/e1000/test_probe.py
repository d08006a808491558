"""What the driver finds at probe: the EEPROM with its address, and the PHY."""

from __future__ import annotations

import pytest

from driver.e1000.eeprom import e1000_read_eeprom, e1000_read_mac_addr, e1000_validate_eeprom_checksum
from driver.e1000.hw import er32
from driver.e1000.phy import e1000_detect_gig_phy, e1000_read_phy_reg, e1000_write_phy_reg
from driver.kernel.net.netdevice import NetDevice, dev_close
from emulator.model_nic.microwire import MicrowireEeprom, contents, station_address
from hdl.nic import phy_registers
from hdl.nic.eeprom_words import Word
from hdl.nic.regmap import RAH, RAL
from tests.e1000.support import Rig


def eeprom(rig: Rig) -> MicrowireEeprom:
    return rig.engine._ports[0].nic.eeprom


def test_the_address_is_that_in_the_eeprom(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[bytes] = []
    original = NetDevice.__setattr__

    def record(self: NetDevice, name: str, value: object) -> None:
        if name == "dev_addr" and isinstance(value, bytes) and any(value):
            registered.append(value)
        original(self, name, value)

    monkeypatch.setattr(NetDevice, "__setattr__", record)
    Rig()
    assert registered[0] == station_address(0)


def test_words_are_read_and_the_checksum_is_looked_at() -> None:
    rig = Rig()
    hw = rig.adapter.hw
    assert rig.call(e1000_read_eeprom(hw, Word.INIT_CONTROL1, 3)) == contents(0)[Word.INIT_CONTROL1 :][:3]
    assert rig.call(e1000_read_mac_addr(hw)) == station_address(0)
    assert rig.call(e1000_validate_eeprom_checksum(hw))
    eeprom(rig).words[5] ^= 1
    assert not rig.call(e1000_validate_eeprom_checksum(hw))


def test_registers_of_the_phy_are_read_and_written() -> None:
    rig = Rig()
    hw = rig.adapter.hw
    assert rig.call(e1000_detect_gig_phy(hw))
    assert rig.call(e1000_write_phy_reg(hw, phy_registers.ADVERTISE, 0x0C01))
    assert rig.call(e1000_read_phy_reg(hw, phy_registers.ADVERTISE)) == 0x0C01


def test_a_reset_leaves_the_stations_address_and_no_other() -> None:
    rig = Rig()
    rig.call(dev_close(rig.netdevs[0]))
    address = rig.netdevs[0].dev_addr
    assert rig.call(er32(rig.adapter.hw, RAL)) == int.from_bytes(address[:4], "little")
    assert rig.call(er32(rig.adapter.hw, RAH)) == int.from_bytes(address[4:], "little") | RAH.AV
