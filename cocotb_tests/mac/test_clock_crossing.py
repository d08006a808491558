"""Clock crossings: nothing lost, doubled or torn, whichever clock is the faster one."""

import random

import cocotb
import pytest
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer

from cocotb_tests.mac.octet_streams import Sink, Source, as_beats, random_frames
from cocotb_tests.mac.side_by_side import SideBySide
from cocotb_tests.support import simulate, write_verilog
from hdl.nic.mac.clock_crossing import BeatCrossing, EventCrossing, SettingCrossing, WordCrossing
from hdl.nic.mac.octets import Beat

WIDTH = 24
INPUTS = ("beats__i__valid", "beats__o__ready", "words__i__valid", "words__o__ready", "setting__i", "events__i")


class Word:
    """A plain number as a layout."""

    @staticmethod
    def const(value: int) -> "Word":
        """The number itself."""
        word = Word()
        word.value = value
        return word

    def as_bits(self) -> int:
        """The number."""
        return self.value


async def begin(dut) -> None:
    """Start both clocks, their periods given in picoseconds, with any phase, and reset both domains."""
    for name in INPUTS:
        getattr(dut, name).value = 0
    dut.a_rst.value = dut.b_rst.value = 1
    await Timer(1, unit="ns")
    Clock(dut.a_clk, int(cocotb.plusargs["a"]), unit="ps", impl="gpi").start()
    await Timer(random.randrange(1, 8000), unit="ps")
    Clock(dut.b_clk, int(cocotb.plusargs["b"]), unit="ps", impl="gpi").start()
    await Timer(300, unit="ns")
    dut.a_rst.value = 0
    await RisingEdge(dut.b_clk)
    dut.b_rst.value = 0
    await Timer(300, unit="ns")


@cocotb.test()
async def beats_and_words(dut):
    """Frames and words arrive as they were sent."""
    await begin(dut)
    source = Source(dut, "beats__i", Beat, clock=dut.a_clk, idle=0.1)
    sink = Sink(dut, "beats__o", Beat, clock=dut.b_clk, stall=0.1)
    word_source = Source(dut, "words__i", Word, clock=dut.a_clk, idle=0.5)
    word_sink = Sink(dut, "words__o", None, clock=dut.b_clk, stall=0.5)
    frames = random_frames([random.randrange(1, 100) for _ in range(40)])
    words = [random.getrandbits(WIDTH) for _ in range(40)]
    for frame in frames:
        source.queue += as_beats(frame)
    word_source.queue += words
    await source.drained()
    await word_source.drained()
    await Timer(1, unit="us")
    assert sink.frames() == [(frame, False) for frame in frames]
    assert word_sink.items == words


@cocotb.test()
async def settings_and_events(dut):
    """A setting is only ever a value that was set, and the last one at the end; all pulses arrive."""
    await begin(dut)
    values, seen, pulses = [0], set(), 0

    async def watch() -> None:
        nonlocal pulses
        while True:
            await RisingEdge(dut.b_clk)
            seen.add(dut.setting__o.value.to_unsigned())
            pulses += int(dut.events__o.value)

    cocotb.start_soon(watch())
    sent = 0
    for _ in range(60):
        values.append(random.getrandbits(WIDTH))
        dut.setting__i.value = values[-1]
        for _ in range(random.choice([1, 2, 3, 30])):
            pulse = random.choice([0, 0, 1])
            dut.events__i.value = pulse
            sent += pulse
            await RisingEdge(dut.a_clk)
    dut.events__i.value = 0
    await Timer(100, unit="us")
    assert seen <= set(values)
    assert dut.setting__o.value.to_unsigned() == values[-1]
    assert len(seen) > 10
    assert 50 < sent == pulses


@pytest.mark.slow
@pytest.mark.parametrize(("a", "b"), [(8000, 8002), (3000, 20000), (20000, 3000)])
def test_clock_crossing(a, b):
    domains = "a", "b"
    blocks = SideBySide(
        beats=BeatCrossing(*domains),
        words=WordCrossing(WIDTH, *domains),
        setting=SettingCrossing(WIDTH, *domains),
        events=EventCrossing(*domains),
    )
    source = write_verilog(blocks, "clock_crossing")
    folder = f"test_clock_crossing_{a}_{b}"
    simulate("mac.test_clock_crossing", "clock_crossing", [source], folder=folder, plusargs=[f"+a={a}", f"+b={b}"])
