"""Interrupt causes and mask: random accesses and causes against a model, and the rules that drivers rely on."""

import random

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.support import simulate, start, write_verilog
from hdl.nic.interrupts import Interrupts
from hdl.nic.regmap import ICR

STROBES = ("icr__read", "icr__write", "ics__write", "ims__write", "imc__write")


async def begin(dut):
    await start(dut, causes=0, write_data=0, ics__read=0, ims__read=0, imc__read=0, **dict.fromkeys(STROBES, 0))


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
    """Random accesses, and causes in the same cycle."""
    await begin(dut)
    icr = ims = 0
    for _ in range(2000):
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


def test_interrupts():
    simulate("test_interrupts", "interrupts", [write_verilog(Interrupts(), "interrupts")])
