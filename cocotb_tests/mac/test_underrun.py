"""Underrun: a frame with a hole ends bad at the hole, the next one is whole."""

import cocotb
import pytest

from cocotb_tests.mac.octet_streams import Sink, Source, as_octets, random_frames
from cocotb_tests.support import cycles, simulate, start, write_verilog
from hdl.nic.mac.octets import Octet
from hdl.nic.mac.underrun import Underrun


@cocotb.test()
async def ends_the_frame(dut):
    """The octets before the hole, a bad one, and nothing of the rest."""
    await start(dut, i__valid=0, o__ready=0)
    source, sink = Source(dut, "i", Octet), Sink(dut, "o", Octet)
    before, cut, after = random_frames([64, 40, 64])
    source.queue += as_octets(before) + as_octets(cut)[:20]
    await cycles(dut, 64 + 20 + 5)
    source.queue += as_octets(cut)[20:] + as_octets(after, bad=True)
    await source.drained()
    first, second, third = sink.frames()
    assert (first, third) == ((before, False), (after, True))
    assert (second[0][:-1], second[1]) == (cut[:20], True)


@cocotb.test()
async def waits_between_frames_and_for_the_line(dut):
    """No frame is hurt while the line is not ready, nor by a pause between frames."""
    await start(dut, i__valid=0, o__ready=0)
    source, sink = Source(dut, "i", Octet), Sink(dut, "o", Octet, stall=0.5)
    frames = random_frames([64, 1, 100])
    for frame in frames:
        source.queue += as_octets(frame)
        await source.drained()
        await cycles(dut, 20)
    assert sink.frames() == [(frame, False) for frame in frames]


@pytest.mark.slow
def test_underrun():
    simulate("mac.test_underrun", "underrun", [write_verilog(Underrun(), "underrun")])
