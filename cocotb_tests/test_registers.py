"""Register file: decode of every offset, storage, and pulses for the registers that live elsewhere."""

import random

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.support import simulate, start, write_verilog
from hdl.nic import regmap
from hdl.nic.registers import ELSEWHERE, STORAGE, RegisterFile, port_name

#: Every register: offset to class and index.
PLACES = {register.at(i): (register, i) for register in regmap.RTL_REGISTERS for i in range(register.count)}


async def begin(dut) -> None:
    values = {f"{port_name(register)}__value": random.getrandbits(32) for register in ELSEWHERE}
    await start(
        dut,
        access__read=0,
        access__read_word=0,
        access__write=0,
        access__write_word=0,
        access__write_data=0,
        access__write_mask=0,
        **values,
    )


def pulses(dut, kind: str) -> list[str]:
    """The registers elsewhere that are being read or written."""
    return [r.__name__ for r in ELSEWHERE if getattr(dut, f"{port_name(r)}__{kind}").value]


async def read(dut, offset: int) -> int:
    """Read, and check that only the register at this offset is told so."""
    dut.access__read.value, dut.access__read_word.value = 1, offset // 4
    await ReadOnly()
    value = dut.access__read_data.value.to_unsigned()
    register = PLACES.get(offset, (None,))[0]
    assert pulses(dut, "read") == ([register.__name__] if register in ELSEWHERE else [])
    assert not pulses(dut, "write")
    await RisingEdge(dut.clk)
    dut.access__read.value = 0
    return value


async def write(dut, offset: int, value: int, mask: int = 0xFFFF_FFFF) -> None:
    """Write, and check that only the register at this offset is told so."""
    dut.access__write.value, dut.access__write_word.value = 1, offset // 4
    dut.access__write_data.value, dut.access__write_mask.value = value, mask
    await ReadOnly()
    register = PLACES.get(offset, (None,))[0]
    assert pulses(dut, "write") == ([register.__name__] if register in ELSEWHERE else [])
    assert not pulses(dut, "read")
    assert dut.write_data.value.to_unsigned() == value & mask
    await RisingEdge(dut.clk)
    dut.access__write.value = 0


@cocotb.test()
async def decodes_every_offset(dut):
    """Reset values; offsets without a register read as zero."""
    await begin(dut)
    for offset in range(0, 0x6000, 4):
        register, _ = PLACES.get(offset, (None, 0))
        if register is None:
            expected = 0
        elif register in STORAGE:
            expected = register.reset
        else:
            expected = getattr(dut, f"{port_name(register)}__value").value.to_unsigned()
        assert await read(dut, offset) == expected, f"offset {offset:#07x}"


@cocotb.test()
async def stores_writable_bits(dut):
    """Random writes, byte strobes included, anywhere; every register holds what was last written to it."""
    await begin(dut)
    stored = {offset: register.reset for offset, (register, _) in PLACES.items() if register in STORAGE}
    offsets = [*PLACES, *random.sample(range(0, regmap.BAR_BYTES, 4), 50)]
    for _ in range(3000):
        offset, value = random.choice(offsets), random.getrandbits(32)
        mask = sum(0xFF << 8 * lane for lane in range(4) if random.random() < 0.8)
        await write(dut, offset, value, mask)
        if offset in stored:
            changed = mask & PLACES[offset][0].writable
            stored[offset] = stored[offset] & ~changed | value & changed
        check = random.choice(list(stored))
        assert await read(dut, check) == stored[check], f"offset {check:#07x}"


def test_registers():
    simulate("test_registers", "registers", [write_verilog(RegisterFile(), "registers")])
