"""Frame check sequence: appended as zlib computes it, and checked."""

import random
import zlib

import cocotb
import pytest

from cocotb_tests.mac.octet_streams import Sink, Source, as_octets, random_frames
from cocotb_tests.mac.side_by_side import SideBySide
from cocotb_tests.support import cycles, simulate, start, write_verilog
from hdl.nic.mac.fcs import FcsCheck, FcsInsert
from hdl.nic.mac.octets import Octet

INPUTS = ("check__i__valid", "insert__i__valid", "insert__o__ready")


def fcs(frame: bytes) -> bytes:
    """The frame's FCS as it goes over the line."""
    return zlib.crc32(frame).to_bytes(4, "little")


@cocotb.test()
async def appends(dut):
    """Four octets behind each frame."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    source, sink = Source(dut, "insert__i", Octet, idle=0.2), Sink(dut, "insert__o", Octet, stall=0.2)
    frames = random_frames([1, 2, 60, 5, 100])
    for frame in frames:
        source.queue += as_octets(frame)
    await source.drained()
    await cycles(dut, 40)
    assert sink.frames() == [(frame + fcs(frame), False) for frame in frames]


@cocotb.test()
async def checks(dut):
    """Good frames stay good; one wrong bit anywhere, or a frame that was bad before, is bad at its last octet."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    source, sink = Source(dut, "check__i", Octet, idle=0.1), Sink(dut, "check__o", Octet)
    expected = []
    for payload in random_frames([60, 60, 1, 0, 61, 100, 64] * 4):
        frame = bytearray(payload + fcs(payload))
        kind = random.choice(["good", "flipped", "marked"])
        if kind == "flipped":
            frame[random.randrange(len(frame))] ^= 1 << random.randrange(8)
        source.queue += as_octets(frame, kind == "marked")
        expected.append((bytes(frame), kind != "good"))
    for short in random_frames([1, 2, 3]):  # too short for an FCS
        source.queue += as_octets(short)
        expected.append((short, True))
    await source.drained()
    await cycles(dut, 2)
    assert sink.frames() == expected


@pytest.mark.slow
def test_fcs():
    source = write_verilog(SideBySide(check=FcsCheck(), insert=FcsInsert()), "fcs")
    simulate("mac.test_fcs", "fcs", [source])
