"""The FCS of frames of every length around beats, against zlib."""

import random
import zlib

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.streams import StreamSink, StreamSource
from cocotb_tests.support import cycles, first_always, simulate, start, write_verilog
from cocotb_tests.tx_beats import beats_of, frames_of
from hdl.nic.tx_align import TxBeat
from hdl.nic.tx_fcs import TxFcs


@cocotb.test()
@cocotb.parametrize(pause=[0, 0.4])
async def every_frame_gets_its_fcs(dut, pause):
    await start(dut, beats__valid=0, checked__ready=0)
    width = int(cocotb.plusargs["data_width"])
    lanes = width // 8
    lengths = [*range(1, 3 * lanes + 2)] if lanes <= 16 else [random.randint(1, 3 * lanes) for _ in range(60)]
    frames = [(random.randbytes(length), random.random() < 0.8) for length in random.sample(lengths, len(lengths))]
    sink = StreamSink(dut, "checked", pause=pause)
    beats = [beat for data, insert in frames for beat in beats_of(data, width, insert_fcs=insert)]
    await StreamSource(dut, "beats", beats, pause=pause).done
    await cycles(dut, 60)
    expected = [data + zlib.crc32(data).to_bytes(4, "little") if insert else data for data, insert in frames]
    assert frames_of(sink.payloads, width) == expected


@cocotb.test()
async def a_wrong_fcs_that_a_frame_brings_is_told(dut):
    await start(dut, beats__valid=0, checked__ready=1)
    width = int(cocotb.plusargs["data_width"])
    told = []

    async def watch():
        while True:
            await ReadOnly()
            beat = TxBeat(width).from_bits(dut.checked__payload.value.to_unsigned())
            if dut.checked__valid.value and beat.last:
                told.append(int(dut.bad.value))
            await RisingEdge(dut.clk)

    cocotb.start_soon(watch())
    beats, expected = [], []
    for kind in random.choices(("made", "right", "wrong"), k=60):
        data = random.randbytes(random.randint(4, 3 * width // 8))
        if kind != "made":
            fcs = bytearray(zlib.crc32(data).to_bytes(4, "little"))
            fcs[random.randrange(4)] ^= (kind == "wrong") << random.randrange(8)
            data += fcs
        beats += beats_of(data, width, insert_fcs=kind == "made")
        expected.append(int(kind == "wrong"))
    await StreamSource(dut, "beats", beats).done
    await cycles(dut, 60)
    assert told == expected


@cocotb.test()
async def a_frame_leaves_without_pauses(dut):
    """Once it has begun, a beat goes out in every clock in which one comes in."""
    await start(dut, beats__valid=0, checked__ready=1)
    width = int(cocotb.plusargs["data_width"])
    beats = [beat for _ in range(4) for beat in beats_of(random.randbytes(5 * width // 8 - 4), width, insert_fcs=1)]
    StreamSource(dut, "beats", beats)
    while not dut.checked__valid.value:
        await cycles(dut, 1)
    for _ in range(len(beats) - 1):
        assert dut.checked__valid.value
        await cycles(dut, 1)


@pytest.mark.parametrize("data_width", first_always(64, 512))
def test_tx_fcs(data_width):
    source = write_verilog(TxFcs(data_width), "tx_fcs", folder=f"tx_fcs{data_width}")
    simulate(
        "test_tx_fcs", "tx_fcs", [source], folder=f"test_tx_fcs{data_width}", plusargs=[f"+data_width={data_width}"]
    )
