"""Offloads on the whole transmit path, from descriptors to the stream: the frames are those of the model engine."""

import random
from collections import deque

import cocotb
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.streams import StreamSource
from cocotb_tests.support import cycles, simulate, start, write_verilog
from cocotb_tests.tx_programs import TxProgram
from hdl.nic.axi import AxiStream
from hdl.nic.dma_reads import DmaBeat, DmaRead
from hdl.nic.layouts import TxDescriptor
from hdl.nic.regmap import TSCTC, TSCTFC
from hdl.nic.tx_frames import TxFrames
from hdl.nic.tx_path import TxPath

FIFO_BYTES = 16 * 1024


class TxOffloadBench(wiring.Component):
    """TxFrames and TxPath, with nothing between them and the ring, the memory and the wire."""

    def __init__(self, data_width: int):
        self._data_width = data_width
        super().__init__(
            {
                "enable": In(1),
                "tag_frames": In(1),
                "tag_ethertype": In(16),
                "descriptors": In(stream.Signature(TxDescriptor)),
                "requests": Out(stream.Signature(DmaRead)),
                "beat_valid": In(1),
                "beat": In(DmaBeat(data_width)),
                "beat_ready": Out(1),
                "stream": Out(AxiStream(data_width)),
                "done": Out(1),
                "fault": Out(1),
                "segmented": Out(1),
                "segmentation_failed": Out(1),
            }
        )

    def elaborate(self, platform):
        """Pipe both together."""
        m = Module()
        m.submodules.frames = frames = TxFrames()
        m.submodules.path = path = TxPath(self._data_width, FIFO_BYTES)
        wiring.connect(m, wiring.flipped(self.descriptors), frames.descriptors)
        for name in ("pieces", "segments", "sums"):
            wiring.connect(m, getattr(frames, name), getattr(path, name))
        wiring.connect(m, path.requests, wiring.flipped(self.requests))
        wiring.connect(m, path.stream, wiring.flipped(self.stream))
        m.d.comb += [
            frames.enable.eq(self.enable),
            path.tag_frames.eq(self.tag_frames),
            path.tag_ethertype.eq(self.tag_ethertype),
            path.beat_valid.eq(self.beat_valid),
            path.beat.eq(self.beat),
            self.beat_ready.eq(path.beat_ready),
            self.done.eq(path.done),
            self.fault.eq(path.fault),
            self.segmented.eq(frames.segmented),
            self.segmentation_failed.eq(frames.segmentation_failed),
        ]
        return m


class Memory:
    """Answers the path's requests."""

    def __init__(self, dut, memory, pause: float):
        self._dut, self._memory, self._pause = dut, memory, pause
        self._lanes = len(dut.stream__tkeep)
        self._beats: deque[int] = deque()
        cocotb.start_soon(self._ask())
        cocotb.start_soon(self._answer())

    async def _ask(self) -> None:
        dut, lanes = self._dut, self._lanes
        while True:
            dut.requests__ready.value = int(random.random() >= self._pause)
            await ReadOnly()
            if dut.requests__valid.value and dut.requests__ready.value:
                request = DmaRead.from_bits(dut.requests__payload.value.to_unsigned())
                data = self._memory.read(request.address, request.beats * lanes)
                for at in range(0, len(data), lanes):
                    last = at + lanes == len(data)
                    self._beats.append(int.from_bytes(data[at : at + lanes], "little") | last << 8 * lanes)
            await RisingEdge(dut.clk)

    async def _answer(self) -> None:
        dut = self._dut
        while True:
            dut.beat_valid.value = 0
            if not self._beats or random.random() < self._pause:
                await RisingEdge(dut.clk)
                continue
            dut.beat_valid.value, dut.beat.value = 1, self._beats.popleft()
            await ReadOnly()
            while not dut.beat_ready.value:
                await RisingEdge(dut.clk)
                await ReadOnly()
            await RisingEdge(dut.clk)


class Wire:
    """Takes frames; ``counts`` are of the pulses of these names."""

    PULSES = ("done", "fault", "segmented", "segmentation_failed")

    def __init__(self, dut, pause: float):
        self._dut, self._pause = dut, pause
        self.frames: list[bytes] = []
        self.counts = dict.fromkeys(self.PULSES, 0)
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        dut, frame = self._dut, b""
        lanes = len(dut.stream__tkeep)
        while True:
            dut.stream__tready.value = int(random.random() >= self._pause)
            await ReadOnly()
            if dut.stream__tvalid.value and dut.stream__tready.value:
                keep = dut.stream__tkeep.value.to_unsigned()
                frame += dut.stream__tdata.value.to_unsigned().to_bytes(lanes, "little")[: keep.bit_length()]
                if dut.stream__tlast.value:
                    self.frames.append(frame)
                    frame = b""
            for name in self.PULSES:
                self.counts[name] += int(getattr(dut, name).value)
            await RisingEdge(dut.clk)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(pause=[0, 0.3])
async def frames_are_those_of_the_model(dut, pause):
    inputs = ("enable", "beat_valid", "beat", "descriptors__valid", "requests__ready", "stream__tready")
    await start(dut, **dict.fromkeys(inputs, 0), tag_frames=1, tag_ethertype=0x88A8)
    program = TxProgram(tag_ethertype=0x88A8)
    for _ in range(40 if len(dut.beat) < 512 else 15):
        program.random_packet()
    Memory(dut, program.memory, pause)
    wire = Wire(dut, pause)
    dut.enable.value = 1
    source = StreamSource(dut, "descriptors", program.descriptors, pause=random.choice((0, 0.5)))
    await source.done
    while wire.counts["done"] < len(program.descriptors) or len(wire.frames) < len(program.frames):
        await cycles(dut, 20)
    await cycles(dut, 300)
    for number, (frame, expected) in enumerate(zip(wire.frames, program.frames, strict=False)):
        assert frame == expected, f"frame {number} of {len(program.frames)}"
    assert len(wire.frames) == len(program.frames)
    counted = {"segmented": TSCTC, "segmentation_failed": TSCTFC}
    for name, register in counted.items():
        assert wire.counts[name] == program.statistics.read(register.offset), name
    assert wire.counts["fault"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("data_width", [64, 128, pytest.param(512, marks=pytest.mark.long)])
def test_tx_offloads(data_width):
    name = f"tx_offload_bench_{data_width}"
    source = write_verilog(TxOffloadBench(data_width), "tx_offload_bench", folder=name)
    simulate("test_tx_offloads", "tx_offload_bench", [source], folder=f"{name}_results")
