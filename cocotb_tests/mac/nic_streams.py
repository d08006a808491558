"""Plays the NIC at the MAC's streams: a frame in, a frame out."""

import random

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.mac.octet_streams import as_beats
from hdl.nic.mac.octets import LANES


class NicStreams:
    """Sends the frames in ``queue`` and receives into ``frames``, each with whether it is bad.

    Attributes:
        stall: probability that nothing is taken on a clock.
    """

    def __init__(self, dut):
        self._dut = dut
        self.queue: list[tuple[bytes, bool]] = []
        self.frames: list[tuple[bytes, bool]] = []
        self.stall = 0.0
        dut.frames_tx__tvalid.value = dut.frames_rx__tready.value = 0
        cocotb.start_soon(self._send())
        cocotb.start_soon(self._receive())

    async def _send(self) -> None:
        dut = self._dut
        while True:
            while not self.queue:
                await RisingEdge(dut.clk)
            for beat in as_beats(*self.queue[0]):
                dut.frames_tx__tdata.value, dut.frames_tx__tkeep.value = beat["data"], beat["keep"]
                dut.frames_tx__tlast.value, dut.frames_tx__tuser.value = beat["last"], beat["error"]
                dut.frames_tx__tvalid.value = 1
                await RisingEdge(dut.clk)
                while not dut.frames_tx__tready.value:
                    await RisingEdge(dut.clk)
            dut.frames_tx__tvalid.value = 0
            self.queue.pop(0)

    async def _receive(self) -> None:
        dut, content = self._dut, b""
        while True:
            ready = random.random() >= self.stall
            dut.frames_rx__tready.value = int(ready)
            await ReadOnly()
            if ready and dut.frames_rx__tvalid.value == 1:
                keep = dut.frames_rx__tkeep.value.to_unsigned()
                content += dut.frames_rx__tdata.value.to_unsigned().to_bytes(LANES, "little")[: keep.bit_length()]
                if dut.frames_rx__tlast.value:
                    self.frames.append((content, bool(dut.frames_rx__tuser.value)))
                    content = b""
            await RisingEdge(dut.clk)

    async def drained(self) -> None:
        """Wait until every queued frame was taken."""
        while self.queue:
            await RisingEdge(self._dut.clk)
