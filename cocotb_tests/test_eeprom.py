"""The EEPROM port against a model of the EEPROM: what is read after a reset, EERD, and the pins in software's hands."""

import random

import cocotb
from cocotb.triggers import FallingEdge, First, ReadOnly, RisingEdge

from cocotb_tests.support import cycles, simulate, start, write_verilog
from hdl.nic.eeprom import Eeprom
from hdl.nic.eeprom_words import SIGNATURE, SIGNATURE_LSB, Word
from hdl.nic.microwire import HALF_PERIOD, PERIODS
from hdl.nic.regmap import CTRL_EXT, EECD, EERD

#: Clocks in which a word is read, with a little to spare.
READ_CLOCKS = 2 * HALF_PERIOD * (PERIODS + 1) + 10

STATION = bytes(range(0x52, 0x58))


class MicrowireModel:
    """A 93C46 that can only be read, and asserts that it is used as its data sheet says."""

    def __init__(self, dut):
        self.dut = dut
        self.words = [random.getrandbits(16) for _ in range(64)]
        self.words[: len(STATION) // 2] = [int.from_bytes(STATION[at : at + 2], "little") for at in (0, 2, 4)]
        self.words[Word.INIT_CONTROL1] = SIGNATURE << SIGNATURE_LSB | random.getrandbits(SIGNATURE_LSB)
        self.reads = []
        dut.eedo.value = 1
        cocotb.start_soon(self._run())

    async def _run(self):
        dut = self.dut
        while True:
            await RisingEdge(dut.eecs)
            assert dut.eesk.value == 0
            taken = []
            while dut.eecs.value:
                await First(RisingEdge(dut.eesk), FallingEdge(dut.eecs))
                await ReadOnly()
                if dut.eecs.value:
                    taken.append(int(dut.eedi.value))
                    await self._answer(taken)
            await RisingEdge(dut.clk)
            dut.eedo.value = 1
            assert not taken or taken[:3] == [1, 1, 0]

    async def _answer(self, taken):
        """What follows the command: a zero bit, then the word."""
        dut = self.dut
        command, position = taken[:9], len(taken) - 9
        if position < 0:
            return
        address = int("".join(map(str, command[3:])), 2)
        if position == 0:
            self.reads.append(address)
        await RisingEdge(dut.clk)
        dut.eedo.value = 0 if position == 0 else self.words[address] >> 16 - position & 1


async def begin(dut, *, present: bool = True) -> MicrowireModel:
    strobes = [f"{register}__{kind}" for register in ("eecd", "eerd") for kind in ("read", "write")]
    await start(dut, eedo=0, ctrl_ext=0, write_data=0, station_written=0, **dict.fromkeys(strobes, 0))
    return MicrowireModel(dut) if present else None


async def write(dut, register: str, value: int) -> None:
    strobe = getattr(dut, f"{register}__write")
    strobe.value, dut.write_data.value = 1, value
    await RisingEdge(dut.clk)
    strobe.value = 0
    await RisingEdge(dut.clk)


async def read(dut, register: str) -> int:
    await ReadOnly()
    value = getattr(dut, f"{register}__value").value.to_unsigned()
    await RisingEdge(dut.clk)
    return value


async def loaded(dut, clocks: int = 4 * READ_CLOCKS) -> list[int]:
    """The addresses that were loaded within so many clocks."""
    addresses = []
    for _ in range(clocks):
        await ReadOnly()
        if dut.load_station.value:
            addresses.append(dut.station.value.to_unsigned())
        await RisingEdge(dut.clk)
    return addresses


async def read_word(dut, address: int) -> int:
    await write(dut, "eerd", EERD.START | EERD.ADDR.put(address))
    assert await read(dut, "eerd") == EERD.ADDR.put(address) | (await read(dut, "eerd") & EERD.DATA)
    for _ in range(2 * READ_CLOCKS):
        value = await read(dut, "eerd")
        if value & EERD.DONE:
            assert EERD.ADDR.get(value) == address
            return EERD.DATA.get(value)
    raise AssertionError("EERD.DONE is never set")


async def take_pins(dut) -> None:
    await write(dut, "eecd", EECD.REQ)
    for _ in range(READ_CLOCKS):
        if await read(dut, "eecd") & EECD.GNT:
            return
    raise AssertionError("EECD.GNT is never set")


async def bits_by_hand(dut, bits: list[int]) -> list[int]:
    """Clock bits in; returns what DO was while SK was high."""
    answers = []
    for bit in bits:
        base = EECD.REQ | EECD.CS | EECD.DI * bit
        await write(dut, "eecd", base)
        await write(dut, "eecd", base | EECD.SK)
        await cycles(dut, 5)
        answers.append(EECD.DO.get(await read(dut, "eecd")))
        await write(dut, "eecd", base)
    return answers


@cocotb.test()
async def loads_the_station_address_after_a_reset(dut):
    """Signature first, then three words, once; EE_RST does it again."""
    eeprom = await begin(dut)
    assert not await read(dut, "eecd") & EECD.PRES
    for _ in range(2):
        assert await loaded(dut) == [int.from_bytes(STATION, "little")]
        assert eeprom.reads == [Word.INIT_CONTROL1, 0, 1, 2]
        assert await read(dut, "eecd") == EECD.PRES | EECD.DO | EECD.FWE.put(1)
        eeprom.reads.clear()
        dut.ctrl_ext.value = CTRL_EXT.EE_RST
        await RisingEdge(dut.clk)
        dut.ctrl_ext.value = 0


@cocotb.test()
@cocotb.parametrize(do=[0, 1])
async def finds_no_eeprom_where_there_is_none(dut, do):
    await begin(dut, present=False)
    dut.eedo.value = do
    assert await loaded(dut) == []
    assert not await read(dut, "eecd") & EECD.PRES


@cocotb.test()
async def software_that_writes_the_address_has_the_last_word(dut):
    """At any time before the load, but not before the reset or EE_RST that led to it."""
    await begin(dut)
    await cycles(dut, random.randrange(3 * READ_CLOCKS))
    dut.station_written.value = 1
    await RisingEdge(dut.clk)
    dut.station_written.value = 0
    assert await loaded(dut) == []
    dut.ctrl_ext.value = CTRL_EXT.EE_RST
    await RisingEdge(dut.clk)
    dut.ctrl_ext.value = 0
    assert await loaded(dut) == [int.from_bytes(STATION, "little")]


@cocotb.test()
async def eerd_reads_any_word(dut):
    """Also while the device reads; a START while a word is being read is swallowed."""
    eeprom = await begin(dut)
    await write(dut, "eerd", EERD.START | EERD.ADDR.put(9))
    await write(dut, "eerd", EERD.START | EERD.ADDR.put(8))
    assert EERD.ADDR.get(await read(dut, "eerd")) == 9
    await loaded(dut)
    await cycles(dut, READ_CLOCKS)
    assert await read(dut, "eerd") == EERD.ADDR.put(9) | EERD.DONE | EERD.DATA.put(eeprom.words[9])
    assert eeprom.reads == [Word.INIT_CONTROL1, 0, 1, 2, 9]
    for address in (0, 63, *random.sample(range(64), 4)):
        assert await read_word(dut, address) == eeprom.words[address]
    assert await read_word(dut, 64 + 5) == eeprom.words[5]


@cocotb.test()
async def software_reads_bit_by_bit(dut):
    """With the pins granted; EERD waits for them to come back."""
    eeprom = await begin(dut)
    await loaded(dut)
    await write(dut, "eecd", EECD.CS | EECD.SK)
    await cycles(dut, 3)
    assert not dut.eecs.value, "the pins are not software's without a grant"
    await take_pins(dut)
    await write(dut, "eerd", EERD.START | EERD.ADDR.put(7))
    address = random.randrange(64)
    answers = await bits_by_hand(dut, [1, 1, 0, *map(int, f"{address:06b}"), *[0] * 16])
    assert answers[8] == 0
    assert int("".join(map(str, answers[9:])), 2) == eeprom.words[address]
    assert not await read(dut, "eerd") & EERD.DONE
    await write(dut, "eecd", 0)
    await cycles(dut, READ_CLOCKS)
    assert not await read(dut, "eecd") & EECD.GNT
    assert await read(dut, "eerd") == EERD.ADDR.put(7) | EERD.DONE | EERD.DATA.put(eeprom.words[7])


@cocotb.test()
async def sk_is_as_slow_as_it_should_be(dut):
    """No phase of SK, and no pause without CS, is shorter than half a period."""
    await begin(dut)
    last = {"eesk": None, "eecs": None}
    before = dict.fromkeys(last, 0)
    for clock in range(5 * READ_CLOCKS):
        await ReadOnly()
        for name, since in last.items():
            level = int(getattr(dut, name).value)
            if level != before[name]:
                assert since is None or clock - since >= HALF_PERIOD, name
                last[name], before[name] = clock, level
        await RisingEdge(dut.clk)


def test_eeprom():
    simulate("test_eeprom", "eeprom_port", [write_verilog(Eeprom(), "eeprom_port")])
