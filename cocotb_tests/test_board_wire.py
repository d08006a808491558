"""The board's wires: every beat at its time at every line rate, the frames' bytes, and a memory that is topped up."""

import random
import zlib

import cocotb
import pytest
from cocotb.triggers import FallingEdge, RisingEdge
from cocotb.utils import get_sim_time

from cocotb_tests.board_tester import begin, first_edge, run_on_board
from emulator.engines.base import Verdict, WireFrame
from hdl.nic.regmap import RAH, RAL, RCTL

BYTE_PS = {"10M": 800_000, "100M": 80_000, "1G": 8_000, "2.5G": 3_200, "8G": 1_000}
PREAMBLE, FCS, GAP = 8, 4, 12
BEAT = 8


@pytest.mark.slow
def test_board_wire():
    run_on_board(__name__)


def expected_beats(frames, byte_ps):
    """(rising edge that shows it, data, keep, last, user) of each beat, from IEEE 802.3's arithmetic in ps."""
    beats = []
    free = 0
    for frame in frames:
        fcs = zlib.crc32(frame.data)
        data = frame.data + (fcs ^ 0xFFFFFFFF if frame.bad_fcs else fcs).to_bytes(FCS, "little")
        start = max(frame.start_ps, free)
        free = start + (PREAMBLE + len(data) + GAP) * byte_ps
        for first in range(0, len(data), BEAT):
            chunk = data[first : first + BEAT]
            edge = first_edge(start + (PREAMBLE + first + len(chunk)) * byte_ps)
            if beats and edge <= beats[-1][0]:
                edge = beats[-1][0] + 1  # the beat before still has the stream
            last = first + BEAT >= len(data)
            beats.append((edge, chunk, (1 << len(chunk)) - 1, last, last and frame.bad_fcs))
    return beats


async def observe(dut, count):
    """As many beats, each with the number of the rising edge that showed it; seen at the falling edge after that."""
    slot = dut.core.slot[0]
    beats = []
    while len(beats) < count:
        if not slot.rx_tvalid.value:
            await RisingEdge(slot.rx_tvalid)
        await FallingEdge(dut.core.clk)
        if slot.rx_tvalid.value:
            keep = slot.rx_tkeep.value.to_unsigned()
            data = slot.rx_tdata.value.to_unsigned().to_bytes(BEAT, "little")[: keep.bit_count()]
            last = bool(slot.rx_tlast.value)
            edge = (int(get_sim_time("step")) - 8500) // 8000
            beats.append((edge, data, keep, last, last and bool(slot.rx_tuser.value)))
    return beats


@cocotb.test(timeout_time=200, timeout_unit="ms")
@cocotb.parametrize(rate=list(BYTE_PS))
async def every_beat_comes_when_its_last_byte_has_arrived(dut, rate):
    byte_ps = BYTE_PS[rate]
    engine = await begin(dut, byte_ps=byte_ps)
    now_ps = engine.now * 1000
    lengths = [60, 61, 62, 63, 64, 65, 66, 67, 14, 124] if byte_ps > 10_000 else [*range(60, 140), 1514, 1]
    frames, start = [], now_ps
    for length in lengths:
        start += random.choice([0, 0, random.randrange(200 * byte_ps)])
        frames.append(WireFrame(random.randbytes(length), max(start, now_ps), random.random() < 0.2))
    expected = expected_beats(frames, byte_ps)
    observer = cocotb.start_soon(observe(dut, len(expected)))
    engine.wires[0].send(frames)
    seen = await observer
    assert seen == expected
    await engine.advance(engine.now + 1000)
    assert engine.wires[0].idle


@cocotb.test(timeout_time=200, timeout_unit="ms")
async def frames_start_at_their_own_times(dut):
    engine = await begin(dut)
    base = engine.now * 1000
    starts = [base + offset for offset in (1, 999, 2_000_000, 2_000_001, 5_123_457)]
    frames = [WireFrame(bytes([index]) * 60, start) for index, start in enumerate(starts)]
    observer = cocotb.start_soon(observe(dut, 5 * 8))
    engine.wires[0].send(frames)
    seen = await observer
    first_beats = [beat for index, beat in enumerate(seen) if index % 8 == 0]
    spacing = (PREAMBLE + 64 + GAP) * 8000
    actual = [starts[0], starts[0] + spacing, starts[2], starts[2] + spacing, starts[4]]
    assert [edge for edge, *_ in first_beats] == [first_edge(start + 16 * 8000) for start in actual]


@cocotb.test(timeout_time=200, timeout_unit="ms")
async def a_frame_that_is_late_starts_now(dut):
    engine = await begin(dut)
    for _ in range(20):
        await engine.advance(engine.now + random.randint(1, 30))
        now_ps = engine.now * 1000
        observer = cocotb.start_soon(observe(dut, 8))
        engine.wires[0].send([WireFrame(bytes(60), start_ps=5)])
        seen = await observer
        assert seen == expected_beats([WireFrame(bytes(60), now_ps)], 8000)
        await engine.advance(engine.now + 200)


@cocotb.test(timeout_time=200, timeout_unit="ms")
async def more_frames_than_the_memory_holds_go_out_without_a_break(dut):
    byte_ps, count = 1_000, 6000
    engine = await begin(dut, byte_ps=byte_ps)
    read = 0

    def frames():
        nonlocal read
        for index in range(count):
            read += 1
            yield WireFrame(index.to_bytes(4, "big") * 15)

    engine.wires[0].send(frames())
    assert read < 2200, "the iterable was read at once"
    started, wakeups = engine.now, engine.wakeups
    spacing = (PREAMBLE + 64 + GAP) * byte_ps
    last_beat = started * 1000 + count * spacing - GAP * byte_ps
    almost = last_beat // 1000 - 20
    while engine.now < almost:
        assert await engine.advance(almost) == []
    assert not engine.wires[0].idle
    await engine.advance(almost + 40)
    assert engine.wires[0].idle
    assert engine.wakeups - wakeups < 12, "a wake-up for each half of the memory, and two deadlines"
    await engine.advance(engine.now + 1000)
    assert engine.wires[0].take_verdicts() == [Verdict.DISABLED] * count


@cocotb.test(timeout_time=200, timeout_unit="ms")
async def a_verdict_comes_for_each_frame_in_order(dut):
    engine = await begin(dut)
    address = bytes.fromhex("020000000001")
    engine.mmio_write(0, RAL.at(0), int.from_bytes(address[:4], "little"))
    engine.mmio_write(0, RAH.at(0), RAH.AV | int.from_bytes(address[4:], "little"))
    engine.mmio_write(0, RCTL.offset, RCTL.EN)
    await engine.advance(engine.now + 1000)
    kinds = random.choices([Verdict.KEPT, Verdict.ERROR, Verdict.FILTERED], [1, 5, 5], k=300)
    frames = []
    for kind in kinds:
        destination = bytes.fromhex("020000000002") if kind is Verdict.FILTERED else address
        frames.append(WireFrame(destination + random.randbytes(54), bad_fcs=kind is Verdict.ERROR))
    engine.wires[0].send(frames)
    verdicts = []
    while not engine.wires[0].idle:
        await engine.advance(engine.now + random.randint(1, 40_000))
        verdicts += engine.wires[0].take_verdicts()
    await engine.advance(engine.now + 1000)
    verdicts += engine.wires[0].take_verdicts()
    assert verdicts == kinds


@cocotb.test(timeout_time=200, timeout_unit="ms")
async def two_sources_follow_each_other(dut):
    engine = await begin(dut)
    first = [WireFrame(b"\1" * 60)] * 3
    second = [WireFrame(b"\2" * 60)] * 3
    now_ps = engine.now * 1000
    observer = cocotb.start_soon(observe(dut, 6 * 8))
    engine.wires[0].send(first)
    engine.wires[0].send(iter(second))
    timed = [WireFrame(frame.data, now_ps) for frame in first + second]
    assert await observer == expected_beats(timed, 8000)


@pytest.mark.parametrize(
    ("ps", "edge"), [(0, 0), (4500, 0), (4501, 1), (12_500, 1), (12_501, 2), (8_000_004_500, 1_000_000)]
)
def test_first_edge(ps, edge):
    assert first_edge(ps) == edge
