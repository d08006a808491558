"""Overflow: a frame arrives whole, cut off and marked, or is dropped and counted; frames are never joined."""

import random

import cocotb
import pytest
from cocotb.triggers import RisingEdge

from cocotb_tests.mac.octet_streams import Pulses, Sink, Source, as_beats, random_frames
from cocotb_tests.support import cycles, simulate, start, write_verilog
from hdl.nic.mac.octets import Beat
from hdl.nic.mac.overflow import Overflow


@cocotb.test()
async def loses_nothing_silently(dut):
    """Room comes and goes at random; each frame is found again, in order, or counted."""
    await start(dut, i__valid=0, o__ready=0)
    source, sink, pulses = Source(dut, "i", Beat), Sink(dut, "o", Beat), Pulses(dut, "dropped")
    frames = random_frames([random.choice([1, 8, 9, 64, 100]) for _ in range(300)])
    for frame in frames:
        source.queue += as_beats(frame)
    while source.queue:
        sink.stall = random.choice([0, 0, 0.1, 1])
        await cycles(dut, random.randrange(1, 40))
    sink.stall = 0
    await cycles(dut, 5)

    received, rest = sink.frames(), iter(frames)
    whole = [frame for frame, bad in received if not bad]
    assert 30 < len(whole) < 270, "the test does not test"
    for content, bad in received:
        # A frame that was cut off has the beats before the cut, and an empty one.
        assert any(frame == content if not bad else frame.startswith(content[:-1]) for frame in rest)
    assert len(received) + pulses.counts["dropped"] == len(frames)


@cocotb.test()
async def ends_a_cut_frame_before_the_next(dut):
    """There is room again only when the next frame has begun: that one is dropped."""
    await start(dut, i__valid=0, o__ready=0)
    source, sink, pulses = Source(dut, "i", Beat), Sink(dut, "o", Beat), Pulses(dut, "dropped")
    cut, dropped, whole = random_frames([64, 64, 64])
    source.queue += as_beats(cut) + as_beats(dropped)
    await cycles(dut, 4)
    sink.stall = 1
    await cycles(dut, 6)
    sink.stall = 0
    await source.drained()
    source.queue += as_beats(whole)
    await source.drained()
    await RisingEdge(dut.clk)
    (first, bad), second = sink.frames()
    assert bad
    assert cut.startswith(first[:-1])
    assert second == (whole, False)
    assert pulses.counts["dropped"] == 1


@pytest.mark.slow
def test_overflow():
    simulate("mac.test_overflow", "overflow", [write_verilog(Overflow(), "overflow")])
