"""Interrupt throttling: the least time between two rises, against a model that keeps the time of the last one."""

import random

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.support import simulate, start, write_verilog
from hdl.nic.interrupt_throttle import InterruptThrottle

UNIT = 5


@cocotb.test()
async def agrees_with_model(dut):
    """Requests of random length, and intervals that change while one runs; zero ends it."""
    await start(dut, interval=0, request=0, again=0)
    may_rise = held = again = 0
    before = irq = False
    for clock in range(20_000):
        if random.random() < 0.01:
            again = random.getrandbits(1)
            dut.again.value = again
        request = random.random() < (0.9 if before else 0.3)
        if random.random() < 0.01:
            dut.interval.value = random.choice((0, 1, 2, 7))
        dut.request.value = request
        await ReadOnly()
        interval = dut.interval.value.to_unsigned()
        irq = request and (before or clock >= may_rise)
        assert bool(dut.irq.value) == irq, f"clock {clock}"
        assert bool(dut.fires.value) == (irq and not before)
        if not interval:
            may_rise = 0
        elif irq and not before:
            may_rise = clock + interval * UNIT
        held += request and not irq
        before = irq and (before or not again)
        await RisingEdge(dut.clk)
    assert held > 500


@cocotb.test()
async def nothing_counts_while_nothing_is_held_back(dut):
    """Without an interval no register changes but that of the line."""
    await start(dut, interval=0, request=0, again=0)
    for clock in range(200):
        dut.request.value = clock // 10 % 2
        await RisingEdge(dut.clk)
        assert dut.left.value == 0


def test_interrupt_throttle():
    simulate("test_interrupt_throttle", "throttle", [write_verilog(InterruptThrottle(3, UNIT), "throttle")])
