"""The register walk: every register of regmap.py, by its access kind, over the bus of the whole NIC."""

import random

import cocotb

from cocotb_tests.nic_tester import NicTester
from cocotb_tests.support import nic_verilog, simulate
from hdl.nic import regmap
from hdl.nic.regmap import CTRL, ICR, ICS, IMC, IMS, MDIC, RDH, Access

#: Writing these would reset the NIC or bring it to life.
_KEEP_CLEAR = {CTRL: CTRL.RST, regmap.RCTL: regmap.RCTL.EN, regmap.TCTL: regmap.TCTL.EN}


def places() -> list[tuple[type[regmap.Register], int]]:
    """Every register of every array."""
    return [(register, index) for register in regmap.RTL_REGISTERS for index in range(register.count)]


async def check_reset(tester, tables: dict | None = None) -> None:
    """Every register reads as its reset value; those in memories, which a reset leaves, as what is in ``tables``."""
    for register, index in places():
        expected = 0 if register.access is Access.CLEAR_BITS else register.reset
        if register.memory:
            if not tables:
                continue
            expected = tables[register, index]
        assert await tester.read(register, index) == expected, f"{register.__name__}[{index}]"


async def write_random(tester, register, index: int) -> int:
    """Write every bit that is safe to write, at random; returns what was written."""
    value = random.getrandbits(32) & ~_KEEP_CLEAR.get(register, 0)
    await tester.write(register, value, index)
    return value


@cocotb.test()
async def registers_hold_what_their_access_says(dut):
    """Random values into all of them, then all of them read, so that aliases show."""
    tester = await NicTester.begin(dut)
    await check_reset(tester)
    expected = {}
    for register, index in places():
        written = await write_random(tester, register, index)
        if register.access is Access.READ_WRITE:
            stored = register.writable & ~register.self_clearing
            expected[register, index] = register.reset & ~register.writable | written & stored
        elif register.access in (Access.READ_ONLY, Access.READ_CLEARS, Access.ZERO):
            expected[register, index] = register.reset
    random_order = random.sample(list(expected), len(expected))
    for register, index in random_order:
        differ = await tester.read(register, index) ^ expected[register, index]
        assert not differ & ~register.live, f"{register.__name__}[{index}]"

    while not await tester.read(MDIC) & MDIC.R:  # it is clear until an operation is over, also after a reset
        pass
    await tester.write(CTRL, CTRL.RST)
    await check_reset(tester, expected)


@cocotb.test()
async def interrupt_registers_work_together(dut):
    """ICS sets, ICR shows, clears on read and by ones; IMS sets and shows the mask, IMC clears it."""
    tester = await NicTester.begin(dut)
    causes, some = ICR.writable, ICR.LSC | ICR.RXT0
    await tester.write(ICS, 0xFFFF_FFFF)
    assert await tester.read(ICS) == causes
    await tester.write(ICR, some)
    assert await tester.read(ICR) == causes & ~some
    assert await tester.read(ICR) == 0
    await tester.write(IMS, 0xFFFF_FFFF)
    await tester.write(IMC, some)
    assert await tester.read(IMC) == 0
    assert await tester.read(IMS) == causes & ~some


@cocotb.test()
async def offsets_without_a_register_read_zero(dut):
    """And swallow writes; the last one of the BAR too."""
    tester = await NicTester.begin(dut)
    used = {register.at(index) for register, index in places()}
    free = sorted(set(range(0, regmap.BAR_BYTES, 4)) - used)
    for offset in [*random.sample(free, 60), free[-1]]:
        await tester.registers.write_dword(offset, 0xFFFF_FFFF)
        assert await tester.registers.read_dword(offset) == 0, f"{offset:#07x}"
    await check_reset(tester)


@cocotb.test()
async def partial_writes_change_their_bytes(dut):
    """Byte and word writes, as the strobes have it."""
    tester = await NicTester.begin(dut)
    value = 0
    for _ in range(50):
        size = random.choice((1, 2))
        lane = random.randrange(0, 4, size)
        data = random.randbytes(size)
        await tester.registers.write(regmap.RAL.at(5) + lane, data)
        value = int.from_bytes((raw := value.to_bytes(4, "little"))[:lane] + data + raw[lane + size :], "little")
        assert await tester.read(regmap.RAL, 5) == value


@cocotb.test()
async def head_is_the_hardwares_while_enabled(dut):
    """RDH takes a write only while RCTL.EN is clear."""
    tester = await NicTester.begin(dut)
    await tester.write(RDH, 3)
    await tester.write(regmap.RCTL, regmap.RCTL.EN)
    await tester.write(RDH, 5)
    assert await tester.read(RDH) == 3


def test_nic_registers():
    simulate("test_nic_registers", "nic", [nic_verilog()])
