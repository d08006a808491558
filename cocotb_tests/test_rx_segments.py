"""Cutting frames into buffers, for every buffer size, against the arithmetic in Python."""

import random

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.support import simulate, start, write_verilog
from hdl.nic.regmap import RCTL
from hdl.nic.rx_descriptors import Buffer
from hdl.nic.rx_fifo import RxFrame
from hdl.nic.rx_segments import RxSegments, segment_layout

INPUTS = (
    "enable",
    "run",
    "rctl",
    "frames__valid",
    "frames__payload",
    "segments__ready",
    "buffers__0__valid",
    "drained",
)
SIZES = [0, *(RCTL.BSIZE.put(n) for n in (1, 2, 3)), *(RCTL.BSEX | RCTL.BSIZE.put(n) for n in (1, 2, 3))]


def buffer_bytes(rctl: int) -> int:
    """Bytes of a buffer (SDM 13.4.22)."""
    table = {0: 2048, 1: 1024, 2: 512, 3: 256}
    return table[RCTL.BSIZE.get(rctl)] * (16 if rctl & RCTL.BSEX else 1)


async def segments_of(dut, frame) -> list:
    """Offer a frame and take all its segments; buffers come and go at random."""
    dut.frames__payload.value, dut.frames__valid.value = frame.as_bits(), 1
    taken = []
    while not (taken and taken[-1].eop):
        dut.segments__ready.value, dut.buffers__0__valid.value = (int(random.random() < 0.7) for _ in range(2))
        buffer = Buffer.const({"address": random.getrandbits(64), "index": random.getrandbits(16)})
        dut.buffers__0__payload.value = buffer.as_bits()
        await ReadOnly()
        gone = bool(dut.frames__ready.value)
        passed = bool(dut.segments__valid.value and dut.segments__ready.value)
        assert passed == bool(dut.buffers__0__valid.value and dut.buffers__0__ready.value)
        if passed:
            taken.append(segment_layout(1).from_bits(dut.segments__payload.value.to_unsigned()))
            assert (taken[-1].address, taken[-1].index) == (buffer.address, buffer.index)
        await RisingEdge(dut.clk)
        if gone:
            dut.frames__valid.value = 0
    dut.segments__ready.value = dut.buffers__0__valid.value = 0
    return taken


@cocotb.test()
@cocotb.parametrize(rctl=SIZES)
async def cuts_frames(dut, rctl):
    """Lengths around multiples of the buffer; the report only in the last segment."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    dut.rctl.value, dut.run.value, dut.enable.value = rctl, 1, 1
    size = buffer_bytes(rctl)
    for length in (1, 64, size - 1, size, size + 1, 2 * size - 1, 2 * size, random.randint(1, 16384)):
        frame = RxFrame.const({"length": min(length, 32768), "report": {"special": 0xABCD}, "small": 1})
        segments = await segments_of(dut, frame)
        lengths = [size] * ((frame.length - 1) // size) + [(frame.length - 1) % size + 1]
        assert [s.length for s in segments] == lengths
        assert [s.eop for s in segments] == [0] * (len(lengths) - 1) + [1]
        assert [(s.report.special, s.small) for s in segments] == [(0xABCD * s.eop, s.eop) for s in segments]


@cocotb.test()
async def finishes_a_frame_when_disabled(dut):
    """Without ``enable`` no frame begins, and one that has begun is finished."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    dut.rctl.value, dut.run.value = RCTL.BSIZE.put(3), 1
    dut.frames__payload.value, dut.frames__valid.value = RxFrame.const({"length": 600}).as_bits(), 1
    dut.buffers__0__valid.value = dut.segments__ready.value = 1
    for _ in range(10):
        await RisingEdge(dut.clk)
        assert not dut.segments__valid.value
        assert dut.idle.value
    dut.enable.value = 1
    await RisingEdge(dut.clk)
    dut.enable.value = 0
    taken = 0
    for _ in range(10):
        await ReadOnly()
        taken += bool(dut.segments__valid.value)
        await RisingEdge(dut.clk)
    assert taken == 3


def test_rx_segments():
    simulate("test_rx_segments", "rx_segments", [write_verilog(RxSegments(), "rx_segments")])
