"""Preamble: inserted before each frame, and found again whatever is left of it."""

import random

import cocotb
import pytest
from cocotb.triggers import RisingEdge

from cocotb_tests.mac.octet_streams import Pulses, Sink, Source, as_octets, random_frames
from cocotb_tests.mac.side_by_side import SideBySide
from cocotb_tests.support import cycles, simulate, start, write_verilog
from hdl.nic.mac.gmii import RxPins
from hdl.nic.mac.octets import Octet
from hdl.nic.mac.preamble import RxPreamble, TxPreamble

PREAMBLE, SFD = b"\x55" * 7, b"\xd5"


@cocotb.test()
async def inserts(dut):
    """Seven octets and the SFD before each frame, the frame itself unchanged."""
    await start(dut, tx__i__valid=0, tx__o__ready=0, rx__pins=0)
    source, sink = Source(dut, "tx__i", Octet, idle=0.2), Sink(dut, "tx__o", Octet, stall=0.2)
    frames = random_frames([1, 2, 64, 5, 100])
    bad = [random.random() < 0.5 for _ in frames]
    for frame, is_bad in zip(frames, bad, strict=True):
        source.queue += as_octets(frame, is_bad)
    await source.drained()
    assert sink.frames() == [(PREAMBLE + SFD + frame, is_bad) for frame, is_bad in zip(frames, bad, strict=True)]


async def carrier(dut, octets: bytes, errors: frozenset[int] = frozenset()) -> None:
    """A carrier on the pins and a clock of silence behind it."""
    for number, octet in enumerate(octets):
        dut.rx__pins.value = RxPins.const({"rxd": octet, "dv": 1, "er": number in errors}).as_bits()
        await RisingEdge(dut.clk)
    dut.rx__pins.value = 0
    await RisingEdge(dut.clk)


@cocotb.test()
async def finds(dut):
    """Preambles of every length, none included, garbage before the SFD, and an SFD's value within the frame."""
    await start(dut, tx__i__valid=0, tx__o__ready=0, rx__pins=0)
    sink, pulses = Sink(dut, "rx__octets", Octet), Pulses(dut, "rx__no_frame", "rx__phy_error")
    expected = []
    for preamble in [PREAMBLE[:n] for n in range(8)] + [PREAMBLE * 3, b"\x12\x34\x55", b"\x00"]:
        frame = random.randbytes(random.choice([1, 2, 64])) + random.choice([b"", SFD, SFD * 2])
        await carrier(dut, preamble + SFD + frame)
        expected.append((frame, False))
    await cycles(dut, 2)
    assert sink.frames() == expected
    assert pulses.counts == {"rx__no_frame": 0, "rx__phy_error": 0}


@cocotb.test()
async def reports_errors(dut):
    """RX_ER anywhere in the carrier makes the frame bad, only that frame; a carrier without a frame is told."""
    await start(dut, tx__i__valid=0, tx__o__ready=0, rx__pins=0)
    sink, pulses = Sink(dut, "rx__octets", Octet), Pulses(dut, "rx__no_frame", "rx__phy_error")
    expected = []
    for where in [0, 7, 8, 20, 71]:
        frame = random.randbytes(64)
        await carrier(dut, PREAMBLE + SFD + frame, frozenset([where]))
        await carrier(dut, PREAMBLE + SFD + frame)
        expected += [(frame, True), (frame, False)]
    for empty in (PREAMBLE, PREAMBLE + SFD, SFD, b"\x00" * 64):
        await carrier(dut, empty, frozenset([0]))
    await cycles(dut, 2)
    assert sink.frames() == expected
    assert pulses.counts == {"rx__no_frame": 4, "rx__phy_error": 5}


@pytest.mark.slow
def test_preamble():
    source = write_verilog(SideBySide(tx=TxPreamble(), rx=RxPreamble()), "preamble")
    simulate("mac.test_preamble", "preamble", [source])
