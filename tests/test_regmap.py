"""The register map is consistent, and the offsets and bits that drivers know by heart are where they belong."""

from __future__ import annotations

import itertools

import pytest

from hdl.nic import regmap
from hdl.nic.regmap import BAR_BYTES, CTRL, ICR, RAH, RAL, RCTL, RDT, REGISTER_BITS, REGISTERS, Access, Register


def test_offsets_are_aligned_inside_the_bar_and_used_once() -> None:
    offsets = [offset for register in REGISTERS for offset in register.offsets()]
    assert all(offset % 4 == 0 and 0 <= offset < BAR_BYTES for offset in offsets)
    assert len(offsets) == len(set(offsets))


@pytest.mark.parametrize("register", REGISTERS)
def test_fields_lie_inside_the_register_and_do_not_overlap(register: type[Register]) -> None:
    assert register.fields or register.access is Access.ZERO or register.writable == ICR.writable
    for field in register.fields.values():
        assert field.lsb + field.width <= REGISTER_BITS
        assert field.reset >> field.width == 0
        assert field.doc
    for one, other in itertools.combinations(register.fields.values(), 2):
        assert not one & other or one.multiqueue != other.multiqueue, f"{one.name} and {other.name} overlap"
    assert not register.reset & ~sum(register.fields.values())
    assert register.summary().endswith(".")


@pytest.mark.parametrize("register", REGISTERS)
def test_only_registers_that_are_read_only_have_no_writable_bits(register: type[Register]) -> None:
    assert (register.writable == 0) == (register.access in {Access.READ_ONLY, Access.READ_CLEARS, Access.ZERO})


def test_field_values() -> None:
    assert RCTL.BSIZE.get(RCTL.BSIZE.put(2) | RCTL.EN) == 2
    with pytest.raises(ValueError, match="BSIZE"):
        RCTL.BSIZE.put(4)
    with pytest.raises(IndexError, match="RAL"):
        RAL.at(16)


def test_what_every_8254x_driver_relies_on() -> None:
    offsets = {name: getattr(regmap, name).offset for name in ("CTRL", "STATUS", "ICR", "IMS", "IMC", "RCTL", "RDT")}
    assert offsets == {
        "CTRL": 0x0, "STATUS": 0x8, "ICR": 0xC0, "IMS": 0xD0, "IMC": 0xD8, "RCTL": 0x100, "RDT": 0x2818
    }  # fmt: skip
    assert (CTRL.RST, CTRL.SLU) == (1 << 26, 1 << 6)
    assert (ICR.LSC, ICR.RXDMT0, ICR.RXO, ICR.RXT0) == (0x04, 0x10, 0x40, 0x80)
    assert (RCTL.EN, RCTL.UPE, RCTL.MPE, RCTL.BAM, RCTL.SECRC) == (0x2, 0x8, 0x10, 0x8000, 1 << 26)
    assert (RAL.at(1), RAH.at(1), RAH.AV, RDT.RDT) == (0x5408, 0x540C, 1 << 31, 0xFFFF)


def test_what_the_rtl_lacks_so_far_is_named() -> None:
    assert [register.__name__ for register in REGISTERS if not register.rtl] == []
    assert not set(regmap.RTL_REGISTERS) & {register for register in REGISTERS if not register.rtl}
    assert (regmap.TCTL.offset, regmap.TDT.offset, regmap.ITR.offset) == (0x400, 0x3818, 0xC4)
