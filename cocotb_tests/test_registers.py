"""Register file: decode of every offset, storage, and pulses for the registers that live elsewhere."""

import os
import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.support import first_always, simulate, start, write_verilog
from hdl.nic import regmap
from hdl.nic.registers import RegisterFile, has_port, is_array, is_storage, port_name

#: Queues of the NIC whose registers these are.
QUEUES = int(os.environ.get("TEST_QUEUES", "1"))

REGISTERS = [register for register in regmap.rtl_registers(QUEUES) if has_port(register)]

#: Every offset: register and index. Of a queue's register some have two.
PLACES = {
    offset: (register, index)
    for register in REGISTERS
    for index, offsets in enumerate(register.places(QUEUES))
    for offset in offsets
}

#: The ports of registers that live in other blocks, by register and index.
ELSEWHERE = {
    (register, index): f"{port_name(register)}__{index}" if is_array(register) else port_name(register)
    for register in REGISTERS
    if not is_storage(register) and not register.memory
    for index in range(len(register.places(QUEUES)))
}


async def begin(dut) -> None:
    values = {f"{port}__value": random.getrandbits(32) for port in ELSEWHERE.values()}
    await start(
        dut,
        access__asked=0,
        access__read=0,
        access__read_word=0,
        access__write=0,
        access__write_word=0,
        access__write_data=0,
        access__write_mask=0,
        station=0,
        load_station=0,
        **values,
    )


def pulses(dut, kind: str) -> list:
    """The registers elsewhere that are being read or written."""
    return [place for place, port in ELSEWHERE.items() if getattr(dut, f"{port}__{kind}").value]


def only(offset: int) -> list:
    """The register elsewhere that has this offset, if any."""
    return [PLACES[offset]] if PLACES.get(offset) in ELSEWHERE else []


async def read(dut, offset: int) -> int:
    """Read, and check that only the register at this offset is told so; a word of a memory takes a clock more."""
    dut.access__asked.value, dut.access__read_word.value = 1, offset // 4
    if offset in PLACES and PLACES[offset][0].memory:
        await ReadOnly()
        assert not dut.access__ready.value
        await RisingEdge(dut.clk)
    dut.access__read.value = 1
    await ReadOnly()
    assert dut.access__ready.value
    value = dut.access__read_data.value.to_unsigned()
    assert pulses(dut, "read") == only(offset)
    assert not pulses(dut, "write")
    await RisingEdge(dut.clk)
    dut.access__asked.value = dut.access__read.value = 0
    return value


async def write(dut, offset: int, value: int, mask: int = 0xFFFF_FFFF) -> None:
    """Write, and check that only the register at this offset is told so."""
    dut.access__write.value, dut.access__write_word.value = 1, offset // 4
    dut.access__write_data.value, dut.access__write_mask.value = value, mask
    await ReadOnly()
    assert pulses(dut, "write") == only(offset)
    assert not pulses(dut, "read")
    assert dut.write_data.value.to_unsigned() == value & mask
    await RisingEdge(dut.clk)
    dut.access__write.value = 0


@cocotb.test()
async def decodes_every_offset(dut):
    """Reset values; offsets without a register read as zero, of which these are some."""
    await begin(dut)
    for offset in sorted(
        {*PLACES, *(place + 4 for place in PLACES), *random.sample(range(0, regmap.BAR_BYTES, 4), 50)}
    ):
        place = PLACES.get(offset)
        if place is None:
            expected = 0
        elif place in ELSEWHERE:
            expected = getattr(dut, f"{ELSEWHERE[place]}__value").value.to_unsigned()
        else:
            expected = place[0].reset_of(place[1], QUEUES)
        assert await read(dut, offset) == expected, f"offset {offset:#07x}"


@cocotb.test()
async def stores_writable_bits(dut):
    """Random writes, byte strobes included, anywhere; every register holds what was last written to it."""
    await begin(dut)
    stored = {place: place[0].reset_of(place[1], QUEUES) for place in PLACES.values() if place not in ELSEWHERE}
    offsets = [*PLACES, *random.sample(range(0, regmap.BAR_BYTES, 4), 50)]
    for _ in range(1000):
        offset, value = random.choice(offsets), random.getrandbits(32)
        mask = sum(0xFF << 8 * lane for lane in range(4) if random.random() < 0.8)
        await write(dut, offset, value, mask)
        place = PLACES.get(offset)
        if place in stored:
            changed = mask & place[0].writable
            stored[place] = (stored[place] & ~changed | value & changed) & ~place[0].self_clearing
        check = random.choice([at for at, place in PLACES.items() if place in stored])
        seen = await read(dut, check) & ~PLACES[check][0].self_clearing
        assert seen == stored[PLACES[check]], f"offset {check:#07x}"


@cocotb.test()
async def bits_that_clear_themselves_show_for_a_cycle(dut):
    """What they start sees them once."""
    await begin(dut)
    once = regmap.CTRL_EXT.EE_RST | regmap.CTRL_EXT.ASDCHK
    await write(dut, regmap.CTRL_EXT.offset, once | regmap.CTRL_EXT.SDP6_DATA)
    await ReadOnly()
    assert dut.ctrl_ext.value.to_unsigned() == once | regmap.CTRL_EXT.SDP6_DATA
    await RisingEdge(dut.clk)
    await ReadOnly()
    assert dut.ctrl_ext.value.to_unsigned() == regmap.CTRL_EXT.SDP6_DATA


@cocotb.test()
async def takes_the_station_address_of_the_eeprom(dut):
    """Into the first pair only, valid; software that writes in the same cycle has its way, and the block is told."""
    await begin(dut)
    low, high = regmap.RAL.at(0), regmap.RAH.at(0)
    station = random.getrandbits(48)
    for offset, value in ((None, 0), (low, 0x12345678), (high, 0x8765)):
        dut.station.value, dut.load_station.value = station, 1
        if offset is None:
            await ReadOnly()
            assert not dut.station_written.value
            await RisingEdge(dut.clk)
        else:
            dut.access__write.value, dut.access__write_word.value = 1, offset // 4
            dut.access__write_data.value, dut.access__write_mask.value = value, 0xFFFF_FFFF
            await ReadOnly()
            assert dut.station_written.value
            await RisingEdge(dut.clk)
        dut.load_station.value = dut.access__write.value = 0
        expected = {low: station & 0xFFFF_FFFF, high: station >> 32 | regmap.RAH.AV}
        if offset is not None:
            expected[offset] = value
        assert {place: await read(dut, place) for place in (low, high)} == expected
        assert await read(dut, regmap.RAL.at(1)) == 0
    await write(dut, regmap.RAL.at(1), 1)
    await ReadOnly()
    assert not dut.station_written.value


@pytest.mark.parametrize("queues", first_always(1, 3))
def test_registers(queues, monkeypatch):
    monkeypatch.setenv("TEST_QUEUES", str(queues))
    source = write_verilog(RegisterFile(queues), "registers", folder=f"registers_{queues}")
    simulate("test_registers", "registers", [source], folder=f"test_registers_{queues}")
