"""Receive FIFO: random frames written, committed, discarded and dropped, against a queue."""

import random
from collections import deque

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge, Timer

from cocotb_tests.support import cycles, first_always, simulate, start, write_verilog
from hdl.nic.rx_fifo import RxFifo, RxFrame

SIZE = 2048


def beat_bytes(dut) -> int:
    return len(dut.write_beat) // 8


class Writer:
    """Writes random frames beat by beat; keeps those that were committed in ``frames``."""

    def __init__(self, dut):
        self.dut, self.frames = dut, deque()
        self.missed = 0

    async def run(self, count: int) -> None:
        """Write so many frames, with pauses between them."""
        for _ in range(count):
            await self.write_frame(random.choice((1, 7, 64, 65, 200, 1000)))
            for _ in range(random.choice((0, 0, 3, 40))):
                await RisingEdge(self.dut.clk)

    async def write_frame(self, length: int) -> None:
        """One frame, a beat per clock, until it is over or does not fit."""
        dut, beats, lanes = self.dut, [], beat_bytes(self.dut)
        total = -(-length // lanes)
        for number in range(total):
            beats.append(random.getrandbits(8 * lanes))
            dut.write_beat.value = beats[-1]
            await ReadOnly()
            room, last = bool(dut.room.value), number == total - 1
            frame_room = bool(dut.frame_room.value)
            await RisingEdge(dut.clk)  # what follows is driven in the next cycle, for which room is the same or more
            keep = room and frame_room and random.random() < 0.8
            dut.write.value = int(room)
            if last and keep:
                dut.commit.value = 1
                dut.frame.value = RxFrame.const({"length": length, "report": {"errors": {"CE": length & 1}}}).as_bits()
                self.frames.append((length, length & 1, beats))
            elif last or not room:
                dut.discard.value = 1
                self.missed += not room
            await RisingEdge(dut.clk)
            dut.write.value = dut.commit.value = dut.discard.value = 0
            if not room:
                return


async def read(dut, frames: deque, drops: bool) -> None:
    """Take frames and their beats with pauses; sometimes drop what is left of the frame that was taken."""
    while True:
        pause = random.choice((0.0, 0.5, 0.97))
        length, errors = await take(dut, "frames", pause)
        stored, wrong, beats = frames.popleft()
        assert (length, errors) == (stored, wrong)
        for number, beat in enumerate(beats):
            if drops and random.random() < 0.05:
                dut.drop.value = 1
                for _ in range(random.randint(1, 5)):
                    await RisingEdge(dut.clk)
                dut.drop.value = 0
                break
            assert await take(dut, "beats", pause) == beat, f"beat {number} of {len(beats)}"


async def take(dut, stream: str, pause: float):
    """One item of a stream."""
    ready = getattr(dut, f"{stream}__ready")
    while True:
        ready.value = take_it = int(random.random() >= pause)
        await ReadOnly()
        valid = bool(getattr(dut, f"{stream}__valid").value)
        payload = getattr(dut, f"{stream}__payload").value
        await RisingEdge(dut.clk)
        ready.value = 0
        if valid and take_it:
            item = payload.to_unsigned()
            if stream == "beats":
                return item
            frame = RxFrame.from_bits(item)
            return frame.length, frame.report.errors.CE


@cocotb.test()
@cocotb.parametrize(drops=[False, True])
async def keeps_committed_frames(dut, drops):
    """What was committed comes out, nothing else, also when the FIFO is full or the reader drops frames."""
    inputs = (
        "write",
        "commit",
        "discard",
        "drop",
        "frames__ready",
        "beats__ready",
        "frame",
        "write_beat",
    )
    await start(dut, **dict.fromkeys(inputs, 0))
    writer = Writer(dut)
    reader = cocotb.start_soon(read(dut, writer.frames, drops))
    for _ in range(20):
        await writer.run(15)
    for _ in range(60_000):  # a reader that pauses nearly always takes long
        if not writer.frames:
            break
        await RisingEdge(dut.clk)
    await cycles(dut, 6000)  # for the beats of the last one, and what should not come
    reader.cancel()
    assert not writer.frames
    assert writer.missed, "the FIFO was never full: the test does not test that"


@cocotb.test()
async def what_was_read_ahead_is_not_overwritten(dut):
    """The FIFO is full, and a drop goes back to a beat of the next frame that had been read ahead."""
    inputs = ("write", "commit", "discard", "drop", "frames__ready", "beats__ready", "frame", "write_beat")
    await start(dut, **dict.fromkeys(inputs, 0))
    lanes = len(dut.write_beat) // 8
    room = SIZE // lanes
    data = [random.getrandbits(8 * lanes) for _ in range(room + 8)]
    lengths = {1: 2 * lanes, room - 1: (room - 2) * lanes}  # of two frames, by their last beats; then one on trial

    async def write() -> None:
        for number, beat in enumerate(data):
            await Timer(1, unit="ns")
            while not dut.room.value:
                dut.write.value = dut.commit.value = 0
                await RisingEdge(dut.clk)
                await Timer(1, unit="ns")
            dut.write.value, dut.write_beat.value, dut.commit.value = 1, beat, int(number in lengths)
            dut.frame.value = RxFrame.const({"length": lengths.get(number, 0)}).as_bits()
            await RisingEdge(dut.clk)

    writer = cocotb.start_soon(write())
    await cycles(dut, room + 10)
    assert await take(dut, "frames", 0) == (2 * lanes, 0)
    assert await take(dut, "beats", 0) == data[0]
    await cycles(dut, 10)
    dut.drop.value = 1
    await RisingEdge(dut.clk)
    dut.drop.value = 0
    assert await take(dut, "frames", 0) == ((room - 2) * lanes, 0)
    for number in range(2, room):
        assert await take(dut, "beats", 0) == data[number], f"beat {number}"
    writer.cancel()


@pytest.mark.parametrize("data_width", first_always(64, 256))
def test_rx_fifo(data_width):
    source = write_verilog(RxFifo(data_width, SIZE), "rx_fifo", folder=f"rx_fifo_{data_width}")
    simulate("test_rx_fifo", "rx_fifo", [source], folder=f"test_rx_fifo_{data_width}")
