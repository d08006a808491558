"""Padding: zeros up to 60 octets, nothing behind longer frames."""

import cocotb
import pytest

from cocotb_tests.mac.octet_streams import Sink, Source, as_octets, random_frames
from cocotb_tests.support import cycles, simulate, start, write_verilog
from hdl.nic.mac.octets import Octet
from hdl.nic.mac.padding import Padding

#: Octets of the shortest frame without its FCS (IEEE 802.3, 3.2.8).
MIN_OCTETS = 60


@cocotb.test()
async def pads(dut):
    """Around the boundary, short ones behind long ones."""
    await start(dut, i__valid=0, o__ready=0)
    source, sink = Source(dut, "i", Octet, idle=0.2), Sink(dut, "o", Octet, stall=0.2)
    frames = random_frames([1, 18, 59, 60, 61, 2, 200, 58])
    for frame in frames:
        source.queue += as_octets(frame)
    await source.drained()
    await cycles(dut, 200)
    assert sink.frames() == [(frame.ljust(MIN_OCTETS, b"\0"), False) for frame in frames]


@pytest.mark.slow
def test_padding():
    simulate("mac.test_padding", "padding", [write_verilog(Padding(), "padding")])
