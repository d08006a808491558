"""Loopback by itself: whatever goes on, each frame comes out whole and once, in the order of its source."""

import random
from collections import Counter

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.support import cycles, first_always, simulate, start, write_verilog
from hdl.nic.loopback import Loopback

FRAMES = 300


class Sender:
    """Offers frames, each with its number in all its beats; ``pause`` is how often there is no beat, from 0 to 1."""

    def __init__(self, dut, port: str, *, pause: float, between_only: bool):
        self._dut, self._port, self._pause, self._between_only = dut, port, pause, between_only
        self.done = cocotb.start_soon(self._run())

    def _set(self, **values: int) -> None:
        for name, value in values.items():
            getattr(self._dut, f"{self._port}__{name}").value = value

    async def _run(self) -> None:
        for number in range(FRAMES):
            beats = random.choice((1, 2, 3, 20))
            for beat in range(beats):
                while random.random() < self._pause and not (beat and self._between_only):
                    self._set(tvalid=0)
                    await RisingEdge(self._dut.clk)
                self._set(tvalid=1, tdata=number, tkeep=1, tlast=beat == beats - 1, tuser=0)
                await ReadOnly()
                while not getattr(self._dut, f"{self._port}__tready").value:
                    await RisingEdge(self._dut.clk)
                    await ReadOnly()
                await RisingEdge(self._dut.clk)
            self._set(tvalid=0)


class Listener:
    """Takes frames from ``port``; ``frames`` are (kind, number) of each, checked to be whole."""

    def __init__(self, dut, port: str, *, pause: float):
        self._dut, self._port, self._pause = dut, port, pause
        self.frames: list[tuple[str, int]] = []
        cocotb.start_soon(self._run())

    def _value(self, name: str) -> int:
        return int(getattr(self._dut, f"{self._port}__{name}").value)

    def _kind(self) -> str:
        if self._port == "to_wire":
            return "sent"
        if self._dut.unheard.value:
            return "unheard"
        return "looped" if self._dut.looped.value else "heard"

    async def _run(self) -> None:
        ready = getattr(self._dut, f"{self._port}__tready")
        begun = offered = None
        while True:
            ready.value = int(random.random() >= self._pause)
            await ReadOnly()
            now = (self._kind(), self._value("tdata")) if self._value("tvalid") else None
            assert offered in {None, now}, "an offer was withdrawn"
            offered = now
            if now and ready.value:
                assert begun in {None, now}, "frames are mixed"
                begun, offered = now, None
                if self._value("tlast"):
                    self.frames.append(now)
                    begun = None
            await RisingEdge(self._dut.clk)


@cocotb.test()
@cocotb.parametrize(busy_wire=[False, True])
async def every_frame_has_one_way(dut, busy_wire):
    """The way changes at any moment; the wire may stop a frame that goes out, and may never be quiet for long."""
    await start(dut, enable=0, sent__tvalid=0, from_wire__tvalid=0, to_wire__tready=0, received__tready=1)
    wire, received = Listener(dut, "to_wire", pause=0.5), Listener(dut, "received", pause=0)
    transmitter = Sender(dut, "sent", pause=0.3, between_only=True)
    arrivals = Sender(dut, "from_wire", pause=0.3 if busy_wire else 0.9, between_only=False)
    enable = 0
    while not (transmitter.done.done() and arrivals.done.done()):
        enable = not enable
        dut.enable.value = enable
        await cycles(dut, random.choice((1, 5, 50, 100)))
    dut.enable.value = 0
    await cycles(dut, 100)

    sent = sorted(number for kind, number in wire.frames + received.frames if kind in {"sent", "looped"})
    assert sent == list(range(FRAMES)), "each sent frame goes out or comes back, once"
    for frames in (wire.frames, [frame for frame in received.frames if frame[0] == "looped"]):
        assert frames == sorted(frames), "in order"
    assert not dut.active.value
    numbers = iter(range(FRAMES))
    for kind, number in received.frames:
        if kind != "looped":
            expected = next(numbers)
            assert kind == "unheard" or number == expected, "each frame from the wire in its place, heard or not"
    assert next(numbers, None) is None
    kinds = Counter(kind for kind, _ in wire.frames + received.frames)
    assert all(kinds[kind] > FRAMES / 30 for kind in ("sent", "looped", "heard", "unheard")), kinds


@cocotb.test()
async def frames_that_come_back_keep_the_gap(dut):
    """20 bytes, preamble and gap, lie between them, so that the receive path gets no more than from a wire."""
    await start(dut, enable=1, from_wire__tvalid=0, sent__tvalid=1, sent__tlast=1, to_wire__tready=0)
    await cycles(dut, 10)
    lanes = len(dut.sent__tkeep)
    gap = -(-20 // lanes)
    taken = []
    for _ in range(20 * (1 + gap)):
        await ReadOnly()
        taken.append(int(dut.turned.value))
        await RisingEdge(dut.clk)
    assert sum(taken) == 20
    assert "".join(map(str, taken)).strip("0").split("1")[1:-1] == ["0" * gap] * 19


@pytest.mark.parametrize("data_width", first_always(64, 512))
def test_loopback(data_width):
    source = write_verilog(Loopback(data_width), "loopback", folder=f"loopback_{data_width}")
    simulate("test_loopback", "loopback", [source], folder=f"test_loopback{data_width}")
