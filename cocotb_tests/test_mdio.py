"""MDIC against a model of PHYs: every frame is decoded bit by bit as IEEE 802.3 22.2.4.5 has it."""

import random

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.support import cycles, simulate, start, write_verilog
from hdl.nic.mdio import FRAME_BITS, HALF_PERIOD, READ, WRITE, Mdio
from hdl.nic.regmap import MDIC

#: Clocks of a frame, with a little to spare.
FRAME_CLOCKS = 2 * HALF_PERIOD * FRAME_BITS + 10

#: The PHYs that answer.
ADDRESSES = (1, 30)


class PhyModel:
    """Registers of a few PHYs; records every frame."""

    def __init__(self, dut):
        self.dut = dut
        self.registers = {(phy, number): random.getrandbits(16) for phy in ADDRESSES for number in range(32)}
        self.frames = []
        cocotb.start_soon(self._run())

    async def _bit(self, answer: int | None = None) -> int:
        """The bit at the next rising edge of MDC, at which the PHY holds the line at ``answer``."""
        dut = self.dut
        dut.mdio_i.value = 1 if answer is None else answer
        await RisingEdge(dut.mdc)
        await ReadOnly()
        assert bool(dut.mdio_oe.value) == (answer is None), "both ends drive the line, or none"
        bit = int(dut.mdio_o.value) if answer is None else answer
        await RisingEdge(dut.clk)
        return bit

    async def _bits(self, count: int, answer: int | None = None) -> int:
        value = 0
        for position in reversed(range(count)):
            value = value << 1 | await self._bit(None if answer is None else answer >> position & 1)
        return value

    async def _run(self):
        while True:
            assert await self._bits(32) == 0xFFFF_FFFF, "preamble"
            assert await self._bits(2) == 0b01, "start"
            opcode, phy, number = await self._bits(2), await self._bits(5), await self._bits(5)
            known = (phy, number) in self.registers
            if opcode == WRITE:
                assert await self._bits(2) == 0b10, "turnaround"
                data = await self._bits(16)
                if known:
                    self.registers[phy, number] = data
            else:
                assert opcode == READ
                await self._bits(2, 0b10 if known else 0b11)
                data = await self._bits(16, self.registers.get((phy, number), 0xFFFF))
            self.frames.append((opcode, phy, number, data))


async def begin(dut) -> PhyModel:
    await start(dut, mdic__read=0, mdic__write=0, write_data=0, reset=0, mdio_i=1)
    return PhyModel(dut)


async def write(dut, value: int) -> None:
    dut.mdic__write.value, dut.write_data.value = 1, value
    await RisingEdge(dut.clk)
    dut.mdic__write.value = 0
    await RisingEdge(dut.clk)


async def read(dut) -> int:
    await ReadOnly()
    value = dut.mdic__value.value.to_unsigned()
    await RisingEdge(dut.clk)
    return value


async def operate(dut, value: int) -> tuple[int, int]:
    """Write MDIC and wait until it is ready; returns it, and how often ``done`` came."""
    dut.mdic__write.value, dut.write_data.value = 1, value
    done = 0
    await RisingEdge(dut.clk)
    dut.mdic__write.value = 0
    for _ in range(FRAME_CLOCKS):
        await ReadOnly()
        done += int(dut.done.value)
        await RisingEdge(dut.clk)
    value = await read(dut)
    assert value & MDIC.R
    return value, done


def operation(opcode: int, phy: int, number: int, data: int = 0) -> int:
    return MDIC.OP.put(opcode) | MDIC.PHYADD.put(phy) | MDIC.REGADD.put(number) | MDIC.DATA.put(data)


@cocotb.test()
async def reads_and_writes(dut):
    """Any register of any PHY; the field E tells of one that does not answer a read."""
    phys = await begin(dut)
    assert await read(dut) == MDIC.reset
    for _ in range(12):
        opcode, phy, number = random.choice((READ, WRITE)), random.choice((*ADDRESSES, 2)), random.randrange(32)
        data, interrupt = random.getrandbits(16), random.choice((0, MDIC.I))
        wanted = operation(opcode, phy, number, data) | interrupt
        value, done = await operate(dut, wanted)
        assert done == bool(interrupt)
        if opcode == READ:
            data = phys.registers.get((phy, number), 0xFFFF)
        silent = opcode == READ and phy not in ADDRESSES
        assert value == wanted & ~MDIC.DATA | data | MDIC.R | MDIC.E * silent
        assert phys.frames.pop() == (opcode, phy, number, data)
        assert not phys.frames


@cocotb.test()
async def swallows_a_write_while_it_is_busy(dut):
    phys = await begin(dut)
    await write(dut, operation(WRITE, 1, 5, 0x1234))
    assert not await read(dut) & MDIC.R
    await cycles(dut, random.randrange(FRAME_CLOCKS - 20))
    await write(dut, operation(WRITE, 1, 6, 0x4321))
    await cycles(dut, FRAME_CLOCKS)
    assert await read(dut) == operation(WRITE, 1, 5, 0x1234) | MDIC.R
    assert phys.frames == [(WRITE, 1, 5, 0x1234)]


@cocotb.test()
@cocotb.parametrize(opcode=[0, 3])
async def refuses_other_operations(dut, opcode):
    phys = await begin(dut)
    value, done = await operate(dut, operation(opcode, 1, 5) | MDIC.I)
    assert value == operation(opcode, 1, 5) | MDIC.I | MDIC.R | MDIC.E
    assert done == 1
    assert not phys.frames


@cocotb.test()
@cocotb.parametrize(opcode=[READ, WRITE])
async def a_reset_lets_the_frame_end(dut, opcode):
    """The PHY sees whole frames only; the register is at its reset value, and ready when the frame is over."""
    phys = await begin(dut)
    await write(dut, operation(opcode, 1, 5, 0x1234) | MDIC.I)
    await cycles(dut, random.randrange(FRAME_CLOCKS - 20))
    dut.reset.value = 1
    await RisingEdge(dut.clk)
    dut.reset.value = 0
    await RisingEdge(dut.clk)
    assert await read(dut) == 0
    for _ in range(FRAME_CLOCKS):
        await ReadOnly()
        assert not dut.done.value
        await RisingEdge(dut.clk)
    assert await read(dut) == MDIC.R
    assert len(phys.frames) == 1
    data = phys.registers[1, 7]
    assert (await operate(dut, operation(READ, 1, 7)))[0] & MDIC.DATA == data


@cocotb.test()
async def mdc_is_as_slow_as_it_should_be(dut):
    """No phase of MDC is shorter than half a period, and MDIO does not change while MDC is high."""
    await begin(dut)
    await write(dut, operation(READ, 1, 3))
    last, before = None, (0, 0)
    for clock in range(FRAME_CLOCKS):
        await ReadOnly()
        mdc, mdio = int(dut.mdc.value), int(dut.mdio_o.value)
        if mdc != before[0]:
            assert last is None or clock - last >= HALF_PERIOD
            last = clock
        assert not mdc or not before[0] or mdio == before[1]
        before = (mdc, mdio)
        await RisingEdge(dut.clk)


def test_mdio():
    simulate("test_mdio", "mdio", [write_verilog(Mdio(), "mdio")])
