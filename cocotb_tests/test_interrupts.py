"""Interrupt causes and mask: random accesses and causes against a model, and the rules that drivers rely on."""

import random
from itertools import pairwise

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.support import simulate, start, write_verilog
from hdl.nic.interrupts import ITR_UNIT_CYCLES, Interrupts
from hdl.nic.regmap import CTRL_EXT, ICR

STROBES = ("icr__read", "icr__write", "ics__write", "ims__write", "imc__write")


async def begin(dut):
    unused = dict.fromkeys(("ics__read", "ims__read", "imc__read", "itr", "iam", "ctrl_ext"), 0)
    await start(dut, causes=0, write_data=0, **unused, **dict.fromkeys(STROBES, 0))


async def access(dut, strobe: str | None, data: int = 0, causes: int = 0) -> int:
    """One cycle, with a register access, causes of the hardware or both; returns ICR as a read sees it."""
    if strobe:
        getattr(dut, strobe).value = 1
    dut.write_data.value, dut.causes.value = data, causes
    await ReadOnly()
    icr = dut.icr__value.value.to_unsigned()
    await RisingEdge(dut.clk)
    if strobe:
        getattr(dut, strobe).value = 0
    dut.causes.value = 0
    return icr


async def settled(dut) -> tuple[int, int, int]:
    """ICR, IMS and the line after the last access."""
    await ReadOnly()
    state = dut.icr__value.value.to_unsigned(), dut.ims__value.value.to_unsigned(), int(dut.irq.value)
    assert dut.ics__value.value.to_unsigned() == state[0]
    await RisingEdge(dut.clk)
    return state


@cocotb.test()
async def agrees_with_model(dut):
    """Random accesses, and causes in the same cycle; IAM now and then."""
    await begin(dut)
    icr = ims = 0
    for step in range(2000):
        if step % 100 == 0:
            iam, iame = random.getrandbits(32) & ICR.writable, random.getrandbits(1)
            dut.iam.value, dut.ctrl_ext.value = iam, CTRL_EXT.IAME * iame
        strobe = random.choice((None, *STROBES))
        data = random.getrandbits(32)
        causes = random.getrandbits(32) & random.getrandbits(32) & ICR.writable
        assert await access(dut, strobe, data, causes) == icr
        bits = data & ICR.writable
        match strobe:
            case "icr__read":
                icr = 0
            case "icr__write":
                icr &= ~bits
            case "ics__write":
                icr |= bits
            case "ims__write":
                ims |= bits
            case "imc__write":
                ims &= ~bits
        if iame and strobe in {"icr__read", "icr__write"}:
            ims &= ~iam
        icr |= causes
        assert await settled(dut) == (icr, ims, int(bool(icr & ims)))


@cocotb.test()
async def masked_cause_latches_and_unmasking_interrupts(dut):
    """A cause that came while it was masked interrupts in the cycle after the unmask."""
    await begin(dut)
    await access(dut, None, causes=ICR.RXT0)
    assert await settled(dut) == (ICR.RXT0, 0, 0)
    await access(dut, "ims__write", ICR.RXT0)
    assert await settled(dut) == (ICR.RXT0, ICR.RXT0, 1)
    await access(dut, "imc__write", ICR.RXT0)
    assert await settled(dut) == (ICR.RXT0, 0, 0)


@cocotb.test()
async def setting_beats_clearing(dut):
    """A cause in the cycle of a read that clears is not in what was read, and stays."""
    await begin(dut)
    await access(dut, None, causes=ICR.LSC)
    assert await access(dut, "icr__read", causes=ICR.RXT0 | ICR.LSC) == ICR.LSC
    assert (await settled(dut))[0] == ICR.RXT0 | ICR.LSC
    await access(dut, "icr__write", data=ICR.RXT0, causes=ICR.RXT0)
    assert (await settled(dut))[0] == ICR.RXT0 | ICR.LSC


@cocotb.test()
async def an_unmask_in_the_cycle_of_an_automatic_mask_holds(dut):
    """Reads and writes come on channels of their own, so one of each may meet."""
    await begin(dut)
    dut.iam.value, dut.ctrl_ext.value = ICR.RXT0 | ICR.LSC, CTRL_EXT.IAME
    await access(dut, "ims__write", ICR.LSC)
    dut.icr__read.value = 1
    await access(dut, "ims__write", ICR.RXT0)
    dut.icr__read.value = 0
    assert await settled(dut) == (0, ICR.RXT0, 0)


@cocotb.test()
async def itr_counts_units_of_256_ns(dut):
    """From one rise of the line to the next, with a cause always latched."""
    await begin(dut)
    dut.itr.value = 3
    await access(dut, "ims__write", ICR.RXT0)
    rises, before = [], 0
    for clock in range(400):
        await access(dut, "icr__read" if before else "ics__write", ICR.RXT0)
        irq = int(dut.irq.value)
        rises += [clock] if irq and not before else []
        before = irq
    assert [after - first for first, after in pairwise(rises)] == [3 * ITR_UNIT_CYCLES] * 4


def test_interrupts():
    simulate("test_interrupts", "interrupts", [write_verilog(Interrupts(), "interrupts")])
