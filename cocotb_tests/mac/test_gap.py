"""Inter-packet gap: exactly as long as it should be, when the next frame waits already."""

import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.mac.octet_streams import Sink, Source, as_octets, random_frames
from cocotb_tests.support import cycles, simulate, start, write_verilog
from hdl.nic.mac.gap import TxGap
from hdl.nic.mac.octets import Octet

GAPS = [12, 4, 14, 1027, 12]


async def silences(dut, frames: int) -> list[int]:
    """Clocks between the frames on the output."""
    lengths, quiet, busy = [], 0, False
    while len(lengths) < frames - 1:
        await ReadOnly()
        if dut.o__valid.value:
            if busy and quiet:
                lengths.append(quiet)
            quiet, busy = 0, True
        else:
            quiet += 1
        await RisingEdge(dut.clk)
    return lengths


@cocotb.test()
async def keeps_quiet(dut):
    """Every gap has the length that was set when its frame ended; frames pass unchanged."""
    await start(dut, i__valid=0, o__ready=0, octets=12)
    source, sink = Source(dut, "i", Octet), Sink(dut, "o", Octet)
    for octets in GAPS:
        dut.octets.value = octets
        frames = random_frames([1, 64, 3, 100])
        for frame in frames:
            source.queue += as_octets(frame)
        assert await silences(dut, len(frames)) == [octets] * (len(frames) - 1)
        await source.drained()
        assert sink.frames() == [(frame, False) for frame in frames]
        sink.items.clear()
        await cycles(dut, octets)


@cocotb.test()
async def runs_while_nothing_waits(dut):
    """A frame that comes after the gap goes at once."""
    await start(dut, i__valid=0, o__ready=0, octets=12)
    source = Source(dut, "i", Octet)
    Sink(dut, "o", Octet)
    for wait in random.sample(range(13, 30), 4):
        source.queue += as_octets(b"ab")
        await source.drained()
        await cycles(dut, wait)
        source.queue += as_octets(b"cde")
        await cycles(dut, 1)
        await ReadOnly()
        assert dut.o__valid.value
        await cycles(dut, 20)


@pytest.mark.slow
def test_gap():
    simulate("mac.test_gap", "gap", [write_verilog(TxGap(), "gap")])
