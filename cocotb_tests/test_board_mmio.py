"""The board's MMIO ports: order, latency to the nanosecond, posted writes, and the interrupt line's way to the CPU."""

import random

import cocotb
import pytest
from cocotb.triggers import Timer

from cocotb_tests.board_tester import READ_CYCLES, begin, cycles_of, first_edge, run_on_board, shown_ns
from emulator.engines.base import IrqChanged, MmioDone
from emulator.errors import RunFailed, UserError
from hdl.nic.regmap import ICR, ICS, IMS, RAL, STATUS

FAR = 1_000_000  # ns; later than anything here


def test_board_mmio():
    run_on_board(__name__)


@cocotb.test
@cocotb.parametrize(request=[0, 1, 8, 9, 250], completion=[0, 8, 520])
async def a_read_takes_request_port_and_completion(dut, request, completion):
    engine = await begin(dut, mmio_request=request, mmio_completion=completion)
    for _ in range(10):
        await engine.advance(engine.now + random.randint(1, 40))
        started = engine.now
        engine.mmio_read(0, STATUS.offset, tag=7)
        (done,) = await engine.advance(started + FAR)
        taken = first_edge(started * 1000 + 1)
        assert done == MmioDone(7, done.value)
        assert engine.now == shown_ns(taken + cycles_of(request) + READ_CYCLES + cycles_of(completion))


@cocotb.test
async def a_read_pushes_writes_ahead_of_it(dut):
    engine = await begin(dut, mmio_request=100, mmio_completion=100)
    for round_ in range(40):  # more accesses than there are slots for them, so that these wrap
        values = [random.getrandbits(32) for _ in range(8)]
        for value in values:
            engine.mmio_write(0, RAL.at(3), value)
        engine.mmio_read(0, RAL.at(3), tag=round_)
        assert await engine.advance(engine.now + FAR) == [MmioDone(round_, values[-1])]


@cocotb.test
async def reads_complete_in_order_each_with_its_value(dut):
    engine = await begin(dut, mmio_request=30, mmio_completion=400)
    values = [random.getrandbits(32) for _ in range(8)]
    for index, value in enumerate(values):
        engine.mmio_write(0, RAL.at(index), value)
    for index in range(8):
        engine.mmio_read(0, RAL.at(index), tag=index)
    done = []
    while len(done) < 8:
        done += await engine.advance(engine.now + FAR)
    assert done == [MmioDone(index, value) for index, value in enumerate(values)]


@cocotb.test
async def completions_that_nobody_waited_for_are_kept(dut):
    engine = await begin(dut)
    for index in range(5):
        engine.mmio_write(0, RAL.at(index), 100 + index)
        engine.mmio_read(0, RAL.at(index), tag=index)
    await Timer(1, unit="us")
    started = engine.now
    assert await engine.advance(started + FAR) == [MmioDone(index, 100 + index) for index in range(5)]
    assert engine.now == started


@cocotb.test
async def the_interrupt_line_takes_as_long_as_a_completion(dut):
    completion = 80
    engine = await begin(dut, mmio_request=24, mmio_completion=completion)
    engine.mmio_write(0, IMS.offset, ICR.LSC)
    engine.mmio_write(0, ICS.offset, ICR.LSC)
    await dut.core.slot[0].irq.rising_edge
    sampled = first_edge(engine.now * 1000 + 1000)
    assert await engine.advance(engine.now + FAR) == [IrqChanged(0, True)]
    assert engine.now == shown_ns(sampled + cycles_of(completion))


@cocotb.test
async def a_read_that_clears_the_interrupt_comes_with_the_line_low(dut):
    engine = await begin(dut, mmio_request=24, mmio_completion=80)
    for _ in range(20):
        await engine.advance(engine.now + random.randint(1, 20))
        engine.mmio_write(0, IMS.offset, ICR.LSC)
        engine.mmio_write(0, ICS.offset, ICR.LSC)
        assert await engine.advance(engine.now + FAR) == [IrqChanged(0, True)]
        engine.mmio_read(0, ICR.offset, tag=1)
        events = []
        while MmioDone(1, ICR.LSC) not in events:
            events += await engine.advance(engine.now + FAR)
        assert events == [IrqChanged(0, False), MmioDone(1, ICR.LSC)]


@cocotb.test
async def a_latency_that_the_board_cannot_count_is_an_error(dut):
    await begin(dut, mmio_request=0xFFFF * 8)
    with pytest.raises(UserError, match="mmio_request is 524281 ns; the board takes at most 524280"):
        await begin(dut, mmio_request=0xFFFF * 8 + 1)


@cocotb.test
async def too_many_accesses_at_once_are_an_error(dut):
    engine = await begin(dut)
    for _ in range(256):
        engine.mmio_write(0, RAL.at(0), 1)
    with pytest.raises(RunFailed, match="more than 256 register accesses"):
        engine.mmio_write(0, RAL.at(0), 1)
    await engine.advance(engine.now + 10_000)
    engine.mmio_write(0, RAL.at(0), 2)
    engine.mmio_read(0, RAL.at(0), tag=0)
    assert await engine.advance(engine.now + FAR) == [MmioDone(0, 2)]
