"""DMA writer: segments and write-backs onto AXI, for every alignment, with a slave that pauses at random."""

import random
from collections import deque
from dataclasses import dataclass

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.support import cycles, first_always, simulate, start, write_verilog
from hdl.nic.rx_segments import segment_layout
from hdl.nic.rx_writeback import started_layout, writeback_layout
from hdl.nic.rx_writer import RxWriter

INPUTS = ("run", "hold", "segments__valid", "beats__valid", "writebacks__valid", "axi__awready", "axi__wready")


@dataclass
class Write:
    """A finished burst: its bytes by address."""

    data: dict[int, int]
    beats: int


class Slave:
    """Takes bursts and checks what AXI asks of a master.

    Attributes:
        writes: finished bursts, in order.
        pause: probability that a channel is not ready.
        gaps: clocks in which data could have come and did not, since it was last set to 0.
    """

    def __init__(self, dut):
        self.dut, self.pause, self.gaps = dut, 0.0, 0
        self.writes: list[Write] = []
        self._addresses: deque[tuple[int, int]] = deque()
        self._data: deque[list[dict[int, int]]] = deque()
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        dut, lanes = self.dut, len(self.dut.axi__wstrb)
        beats: list[dict[int, int]] = []
        held = None
        while True:
            dut.axi__awready.value, dut.axi__wready.value = (int(random.random() >= self.pause) for _ in range(2))
            await ReadOnly()
            address = (bool(dut.axi__awvalid.value), dut.axi__awaddr.value, dut.axi__awlen.value)
            data = (bool(dut.axi__wvalid.value), dut.axi__wdata.value, dut.axi__wstrb.value, dut.axi__wlast.value)
            self._check_held(held, address, data)
            held = address if not dut.axi__awready.value else None, data if not dut.axi__wready.value else None
            if address[0] and dut.axi__awready.value:
                first, count = address[1].to_unsigned(), address[2].to_unsigned() + 1
                assert first % lanes == 0
                assert first // 4096 == (first + count * lanes - 1) // 4096, "a burst crosses a 4 KiB line"
                self._addresses.append((first, count))
            if data[0] and dut.axi__wready.value:
                raw = data[1].to_unsigned().to_bytes(lanes, "little")
                beats.append({lane: raw[lane] for lane in range(lanes) if data[2][lane]})
                if data[3]:
                    self._data.append(beats)
                    beats = []
            elif not data[0]:
                self.gaps += 1
            if self._addresses and self._data:  # either may come first
                self._finish(self._data.popleft(), lanes)
            await RisingEdge(dut.clk)

    @staticmethod
    def _check_held(held, address, data) -> None:
        """What was valid and not taken stays as it is."""
        before_address, before_data = held or (None, None)
        if before_address and before_address[0]:
            assert address == before_address
        if before_data and before_data[0]:
            assert data == before_data

    def _finish(self, beats: list[dict[int, int]], lanes: int) -> None:
        first, count = self._addresses.popleft()
        assert len(beats) == count
        where = {
            first + number * lanes + lane: byte for number, beat in enumerate(beats) for lane, byte in beat.items()
        }
        self.writes.append(Write(where, count))

    @property
    def memory(self) -> dict[int, int]:
        """All bytes written."""
        return {address: byte for write in self.writes for address, byte in write.data.items()}


async def offer(dut, stream: str, payload: int) -> None:
    """Put one item into a stream and wait until it is taken."""
    getattr(dut, f"{stream}__payload").value = payload
    valid, ready = getattr(dut, f"{stream}__valid"), getattr(dut, f"{stream}__ready")
    valid.value = 1
    while True:
        await ReadOnly()
        taken = bool(ready.value)
        await RisingEdge(dut.clk)
        if taken:
            valid.value = 0
            return


async def offer_beats(dut, frames: list[bytes], pause: float) -> None:
    """Feed the beats of segments, with garbage in the lanes behind the end."""
    lanes = len(dut.axi__wstrb)
    for frame in frames:
        for offset in range(0, len(frame), lanes):
            while random.random() < pause:
                await RisingEdge(dut.clk)
            beat = frame[offset : offset + lanes]
            await offer(dut, "beats", int.from_bytes(beat + random.randbytes(lanes - len(beat)), "little"))


async def offer_writebacks(dut, writes: list[tuple[int, int]]) -> None:
    """Feed write-backs of random data at random times."""
    for address, value in writes:
        await cycles(dut, random.randint(0, 60))
        await offer(
            dut, "writebacks", writeback_layout(1).const({"address": address, "data": value, "eop": 1}).as_bits()
        )


async def count_started(dut, started: list) -> None:
    while True:
        await ReadOnly()
        if dut.started_valid.value:
            started.append(started_layout(1).from_bits(dut.started.value.to_unsigned()))
        await RisingEdge(dut.clk)


async def idle(dut) -> None:
    for _ in range(20):
        await RisingEdge(dut.clk)
        while not dut.idle.value:
            await RisingEdge(dut.clk)


@cocotb.test()
@cocotb.parametrize(pause=[0.0, 0.4])
async def writes_exactly_the_bytes(dut, pause):
    """Segments of many lengths at every offset, and write-backs between them: these bytes and no others."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    slave, started = Slave(dut), []
    slave.pause = pause
    cocotb.start_soon(count_started(dut, started))
    dut.run.value = 1
    lanes = len(dut.axi__wstrb)
    segments, position = [], 0x10000
    for number in range(150):
        data = random.randbytes(random.choice((1, 2, lanes - 1, lanes, lanes + 1, 64, 65, 150, 600)))
        near_line = (position | 0xFFF) + 1 - random.randint(1, len(data) + 8)
        position = near_line if number % 4 == 0 and near_line > position else position + number % lanes
        segments.append((position, data))
        position += len(data) + random.randint(0, 3)
    segments += [(0x80000 + random.randrange(64), random.randbytes(9000))]
    writebacks = [(0x1008 + 16 * number, random.getrandbits(64)) for number in range(60)]

    feeds = [
        cocotb.start_soon(offer_beats(dut, [data for _, data in segments], pause / 4)),
        cocotb.start_soon(offer_writebacks(dut, writebacks)),
    ]
    for address, data in segments:
        await offer(
            dut, "segments", segment_layout(1).const({"address": address, "length": len(data), "eop": 1}).as_bits()
        )
    for feed in feeds:
        await feed
    await idle(dut)

    expected = {address + i: byte for address, data in segments for i, byte in enumerate(data)}
    for address, value in writebacks:
        expected |= {address + i: byte for i, byte in enumerate(value.to_bytes(8, "little"))}
    assert slave.memory == expected
    assert len(started) == len(slave.writes)
    assert sum(s.last for s in started if not s.writeback) == len(segments)
    assert sum(s.writeback for s in started) == len(writebacks)


@cocotb.test()
async def leaves_no_gap(dut):
    """While data is there and the slave is ready, a beat goes out in every clock, across segments."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    slave = Slave(dut)
    dut.run.value = 1
    lanes = len(dut.axi__wstrb)
    frames = [random.randbytes(8 * lanes) for _ in range(40)]
    cocotb.start_soon(offer_beats(dut, frames, 0))
    feed = cocotb.start_soon(offer_writebacks(dut, [(0x1008 + 16 * n, n) for n in range(5)]))
    for number, frame in enumerate(frames):
        segment = segment_layout(1).const({"address": 0x10000 + number * 2048 + 2, "length": len(frame), "eop": 1})
        await offer(dut, "segments", segment.as_bits())
        if number == 3:
            slave.gaps = 0
        if number == len(frames) - 1:
            assert slave.gaps == 0
    await feed
    await idle(dut)


@cocotb.test()
@cocotb.parametrize(attempt=range(25))
async def stops_with_whole_bursts(dut, attempt):
    """When ``run`` falls, a burst that has started is finished, and what was not yet sent of it writes nothing."""
    lanes = len(dut.axi__wstrb)
    await start(dut, **dict.fromkeys(INPUTS, 0))
    slave = Slave(dut)
    slave.pause = 0.5
    dut.run.value = 1
    data = random.randbytes(40 * lanes)
    beats = cocotb.start_soon(offer_beats(dut, [data], 0.2))
    await offer(
        dut, "segments", segment_layout(1).const({"address": 0x1000 - 9 * lanes, "length": len(data)}).as_bits()
    )
    await cycles(dut, random.randint(0, 120))
    dut.run.value = 0
    await RisingEdge(dut.clk)
    written = dict(slave.memory)
    beats.cancel()
    dut.beats__valid.value = 0
    await idle(dut)
    # At most the beat that stood in the output register is written after that, and the burst's earlier ones.
    expected = {0x1000 - 9 * lanes + i: byte for i, byte in enumerate(data)}
    assert slave.memory.items() <= expected.items()
    assert written.items() <= slave.memory.items()
    assert all(w.beats for w in slave.writes)


@pytest.mark.parametrize("data_width", first_always(64, 512))
def test_rx_writer(data_width):
    source = write_verilog(RxWriter(data_width), "rx_writer", folder=f"rx_writer_{data_width}")
    simulate("test_rx_writer", "rx_writer", [source], folder=f"test_rx_writer_{data_width}")
