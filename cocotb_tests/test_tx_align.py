"""Packing of pieces at any lane and of any length into beats, and when descriptors are done."""

import random

import cocotb
import pytest

from cocotb_tests.streams import StreamSource
from cocotb_tests.support import cycles, first_always, simulate, start, write_verilog
from cocotb_tests.tx_beats import frames_of
from hdl.nic.tx_align import TxAlign
from hdl.nic.tx_reader import TxBytes


def bytes_of(data: bytes, width: int, *, lane: int, end: bool) -> list[int]:
    """What the reader makes of a piece that begins in this lane; lanes without bytes hold anything."""
    lanes, layout = width // 8, TxBytes(width)
    first = lanes - lane
    parts = [data[:first], *(data[start : start + lanes] for start in range(first, len(data), lanes))]
    bits = []
    for number, part in enumerate(parts):
        at, last = (0 if number else lane), number == len(parts) - 1
        noise = random.randbytes(at) + part + random.randbytes(lanes - at - len(part))
        fields = {"data": int.from_bytes(noise, "little"), "lane": at, "count": len(part)}
        fields |= {"end": end and last, "done": last, "report": {"delay": random.getrandbits(1)}}
        bits.append(layout.const(fields | {"frame": {"insert_fcs": 1}}).as_bits())
    return bits


async def watch(dut, beats, done):
    """Note beats and done descriptors."""
    while True:
        await cycles(dut, 1)
        if dut.valid.value:
            beats.append(dut.beat.value.to_unsigned())
        done[0] += int(dut.done.value)


@cocotb.test()
@cocotb.parametrize(pause=[0, 0.5], longest=[3, 40, 300])
async def pieces_become_frames(dut, pause, longest):
    await start(dut, bytes__valid=0)
    width = int(cocotb.plusargs["data_width"])
    frames, offered, pieces = [], [], 0
    for _ in range(60):
        frame = b""
        count = random.randint(1, 4)
        for number in range(count):
            end = number == count - 1
            data = random.randbytes(random.choice([0, 1, width // 8, random.randint(1, longest)]))
            if end and not frame + data:
                data = b"x"  # the reader gives a frame without bytes no end
            frame += data
            offered += bytes_of(data, width, lane=random.randrange(width // 8) if data else 0, end=end)
            pieces += 1
        frames.append(frame)
    beats, done = [], [0]
    cocotb.start_soon(watch(dut, beats, done))
    await StreamSource(dut, "bytes", offered, pause=pause).done
    await cycles(dut, 6)
    assert frames_of(beats, width) == frames
    assert done[0] == pieces


@cocotb.test()
async def aligned_frames_pass_without_a_pause(dut):
    """A beat in, a beat out, so that the read channel is not held up."""
    await start(dut, bytes__valid=0)
    width = int(cocotb.plusargs["data_width"])
    offered = [b for _ in range(20) for b in bytes_of(random.randbytes(width - 4), width, lane=0, end=True)]
    source = StreamSource(dut, "bytes", offered)
    await cycles(dut, len(offered) + 1)
    assert source.taken >= len(offered) - 1


@pytest.mark.parametrize("data_width", first_always(64, 512))
def test_tx_align(data_width):
    source = write_verilog(TxAlign(data_width), "tx_align", folder=f"tx_align{data_width}")
    simulate(
        "test_tx_align",
        "tx_align",
        [source],
        folder=f"test_tx_align{data_width}",
        plusargs=[f"+data_width={data_width}"],
    )
