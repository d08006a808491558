"""Stream buffer: nothing is lost, doubled or reordered, an item per clock goes through, and both ways are cut."""

import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge, Timer

from cocotb_tests.mac.octet_streams import Sink, Source, as_octets
from cocotb_tests.support import cycles, simulate, start, write_verilog
from hdl.nic.mac.octets import Octet
from hdl.nic.stream_buffer import StreamBuffer

FRAME = bytes(range(256))


@cocotb.test()
@cocotb.parametrize(idle=[0, 0.5], stall=[0, 0.5])
async def passes_all(dut, idle, stall):
    """At every pace of the two sides; and without pauses in as many clocks as there are items, and one."""
    await start(dut, i__valid=0, o__ready=0)
    source, sink = Source(dut, "i", Octet, idle=idle), Sink(dut, "o", Octet, stall=stall)
    await cycles(dut, 2)
    source.queue += as_octets(FRAME)
    if not idle and not stall:
        await cycles(dut, len(FRAME) + 2)
    else:
        await source.drained()
        await cycles(dut, 50)
    assert sink.frames() == [(FRAME, False)]


@cocotb.test()
async def cuts_both_ways(dut):
    """Inputs that change between two edges change no output before the next one."""
    await start(dut, i__valid=0, o__ready=0)
    for _ in range(200):
        await RisingEdge(dut.clk)
        await Timer(1, unit="ns")
        before = dut.i__ready.value, dut.o__valid.value, dut.o__payload.value
        dut.i__valid.value, dut.o__ready.value = random.getrandbits(1), random.getrandbits(1)
        dut.i__payload.value = random.getrandbits(10)
        await Timer(1, unit="ns")
        await ReadOnly()
        assert (dut.i__ready.value, dut.o__valid.value, dut.o__payload.value) == before


@pytest.mark.slow
def test_stream_buffer():
    simulate("test_stream_buffer", "buffer", [write_verilog(StreamBuffer(Octet), "buffer")])
