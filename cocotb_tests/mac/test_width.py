"""Width conversion: every length survives both ways."""

import random

import cocotb
import pytest

from cocotb_tests.mac.octet_streams import Sink, Source, as_beats, as_octets, random_frames
from cocotb_tests.mac.side_by_side import SideBySide
from cocotb_tests.support import cycles, simulate, start, write_verilog
from hdl.nic.mac.octets import Beat, Octet
from hdl.nic.mac.width import BeatsToOctets, OctetsToBeats

LENGTHS = [*range(1, 26), 64, 65, 127]
INPUTS = ("wide__octets__valid", "narrow__beats__valid", "narrow__octets__ready")


def cases() -> list[tuple[bytes, bool]]:
    """A frame of each length in any order, good or bad."""
    return [(frame, random.random() < 0.5) for frame in random_frames(random.sample(LENGTHS, len(LENGTHS)))]


@cocotb.test()
async def collects(dut):
    """Octets to beats, the bad mark at the last one."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    source, sink = Source(dut, "wide__octets", Octet, idle=0.2), Sink(dut, "wide__beats", Beat)
    frames = cases()
    for frame, bad in frames:
        source.queue += as_octets(frame, bad)
    await source.drained()
    await cycles(dut, 2)
    assert sink.frames() == frames


@cocotb.test()
async def separates(dut):
    """Beats to octets, in as many clocks as there are octets if nobody waits."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    source, sink = Source(dut, "narrow__beats", Beat), Sink(dut, "narrow__octets", Octet)
    frames = cases()
    for frame, bad in frames:
        source.queue += as_beats(frame, bad)
    await cycles(dut, sum(LENGTHS) + 3)
    assert sink.frames() == frames
    source.idle = sink.stall = 0.3
    for frame, bad in frames:
        source.queue += as_beats(frame, bad)
    await source.drained()
    assert sink.frames() == frames * 2


@pytest.mark.slow
def test_width():
    source = write_verilog(SideBySide(wide=OctetsToBeats(), narrow=BeatsToOctets()), "width")
    simulate("mac.test_width", "width", [source])
