"""Drives and watches the octet and beat streams of the MAC's blocks, frame by frame."""

import random
from collections.abc import Sequence

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from hdl.nic.mac.octets import LANES, Octet


def as_octets(frame: bytes, bad: bool = False) -> list[dict]:
    """A frame as the fields of its octets."""
    last = len(frame) - 1
    return [{"data": octet, "last": i == last, "error": bad and i == last} for i, octet in enumerate(frame)]


def as_beats(frame: bytes, bad: bool = False) -> list[dict]:
    """A frame as the fields of its beats."""
    parts = [frame[i : i + LANES] for i in range(0, len(frame), LANES)]
    last = len(parts) - 1
    return [
        {
            "data": int.from_bytes(part, "little"),
            "keep": (1 << len(part)) - 1,
            "last": i == last,
            "error": bad and i == last,
        }
        for i, part in enumerate(parts)
    ]


class Source:
    """Drives a stream with what is in ``queue``; after each item it pauses with probability ``idle``."""

    def __init__(self, dut, name: str, layout, *, clock=None, idle: float = 0.0):
        self._clock = clock if clock is not None else dut.clk
        self._payload, self._valid = getattr(dut, f"{name}__payload"), getattr(dut, f"{name}__valid")
        self._ready = getattr(dut, f"{name}__ready", None)  # none: the block always takes
        self._layout, self.idle = layout, idle
        self.queue: list[dict] = []
        self._valid.value = 0
        self._payload.value = 0
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        while True:
            if not self.queue or random.random() < self.idle:
                self._valid.value = 0
                await RisingEdge(self._clock)
                continue
            self._payload.value = self._layout.const(self.queue[0]).as_bits()
            self._valid.value = 1
            await RisingEdge(self._clock)
            while self._ready is not None and not self._ready.value:
                await RisingEdge(self._clock)
            self.queue.pop(0)

    async def drained(self) -> None:
        """Wait until everything was taken."""
        while self.queue:
            await RisingEdge(self._clock)
        await RisingEdge(self._clock)


class Sink:
    """Takes a stream into ``items``, ready with probability 1 - ``stall``."""

    def __init__(self, dut, name: str, layout, *, clock=None, stall: float = 0.0):
        self._clock = clock if clock is not None else dut.clk
        self._payload, self._valid = getattr(dut, f"{name}__payload"), getattr(dut, f"{name}__valid")
        self._ready = getattr(dut, f"{name}__ready", None)
        self._layout, self.stall = layout, stall
        self.items: list = []
        if self._ready is not None:
            self._ready.value = 0
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        while True:
            ready = self._ready is None or random.random() >= self.stall
            if self._ready is not None:
                self._ready.value = int(ready)
            await ReadOnly()
            if ready and self._valid.value == 1:
                bits = self._payload.value.to_unsigned()
                self.items.append(self._layout.from_bits(bits) if self._layout else bits)
            await RisingEdge(self._clock)

    def frames(self) -> list[tuple[bytes, bool]]:
        """The frames so far, each with whether it is bad; all must be complete."""
        frames, content = [], b""
        for item in self.items:
            content += bytes([item.data]) if self._layout is Octet else _lanes(item)
            if item.last:
                frames.append((content, bool(item.error)))
                content = b""
        assert not content, f"{len(content)} octets of a frame without an end"
        return frames


def _lanes(beat) -> bytes:
    """The octets of a beat, whose lanes must be filled from the lowest."""
    count = beat.keep.bit_length()
    assert count, "an empty beat"
    assert beat.keep == (1 << count) - 1, f"lanes {beat.keep:#b}"
    return beat.data.to_bytes(LANES, "little")[:count]


class Pulses:
    """Counts the clocks in which signals are high."""

    def __init__(self, dut, *names: str):
        self.counts = dict.fromkeys(names, 0)
        cocotb.start_soon(self._run(dut))

    async def _run(self, dut) -> None:
        while True:
            await RisingEdge(dut.clk)
            for name in self.counts:
                self.counts[name] += int(getattr(dut, name).value)


def random_frames(lengths: Sequence[int]) -> list[bytes]:
    """Frames of random octets."""
    return [random.randbytes(length) for length in lengths]
