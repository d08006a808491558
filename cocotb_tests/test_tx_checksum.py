"""Checksums of frames back to back, against the model engine's."""

import random
from collections import deque

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.streams import StreamSource
from cocotb_tests.support import cycles, first_always, simulate, start, write_verilog
from cocotb_tests.tx_beats import beats_of
from emulator.model_nic.tx_checksum import Sum, insert
from hdl.nic.tx_checksum import TxChecksum
from hdl.nic.tx_offload import TxSums
from hdl.nic.tx_piece import TxFrame


def random_sums(length: int) -> dict[str, object]:
    """Any, in the frame or not."""

    def one() -> dict[str, int]:
        end = random.choice((0, 0, random.randrange(2 * length)))
        offset = random.choice((length - 2, length - 1, random.randrange(256))) & 255
        return {"wanted": random.getrandbits(1), "start": random.randrange(256), "end": end, "offset": offset}

    return {
        "ip": one(),
        "transport": one(),
        "transport_bytes": random.choice((0, random.getrandbits(16))),
        "never_zero": random.getrandbits(1),
    }


def with_sums(data: bytes, sums: dict) -> bytes:
    """The frame, by the model."""
    frame = bytearray(data)
    ip, transport = sums["ip"], sums["transport"]
    wanted = [Sum(ip["start"], ip["end"], ip["offset"])] if ip["wanted"] else []
    if transport["wanted"]:
        place = (transport["start"], transport["end"], transport["offset"])
        wanted.append(Sum(*place, sums["transport_bytes"], never_zero=bool(sums["never_zero"])))
    insert(frame, wanted)
    return bytes(frame)


def inserted(data: bytes, frame) -> bytes:
    """The frame with what its entry says put into it."""
    result = bytearray(data)
    for item in (frame.ip, frame.transport):
        if item.wanted:
            result[item.offset : item.offset + 2] = int(item.value).to_bytes(2, "big")
    return bytes(result)


async def collect(dut, entries: list[int]) -> None:
    """Take the entries as they come."""
    while True:
        await ReadOnly()
        if dut.enter.value:
            entries.append(dut.frame.value.to_unsigned())
        await RisingEdge(dut.clk)


@cocotb.test()
@cocotb.parametrize(pause=[0, 0.3])
async def entries_have_the_checksums_of_their_frames(dut, pause):
    await start(dut, valid=0, sums__valid=0)
    width = int(cocotb.plusargs["data_width"])
    entries: list[int] = []
    cocotb.start_soon(collect(dut, entries))
    frames, told, beats = [], [], deque()
    for _ in range(100):
        data = random.choice((random.randbytes, bytes))(
            random.choice((random.randint(14, 90), random.randint(14, 900)))
        )
        sums = random_sums(len(data)) if random.random() < 0.8 else None
        frames.append((data, sums))
        if sums is not None:
            told.append(TxSums.const(sums).as_bits())
        beats.extend(beats_of(data, width, sums=int(sums is not None)))
    StreamSource(dut, "sums", told)
    await cycles(dut, 2)
    while beats:
        send = random.random() >= pause
        dut.valid.value = int(send)
        if send:
            dut.beat.value = beats.popleft()
        await RisingEdge(dut.clk)
    dut.valid.value = 0
    await cycles(dut, 30)
    assert len(entries) == len(frames)
    for number, ((data, sums), bits) in enumerate(zip(frames, entries, strict=True)):
        expected = data if sums is None else with_sums(data, sums)
        assert inserted(data, TxFrame.from_bits(bits)) == expected, f"frame {number}: {sums}"


@pytest.mark.parametrize("data_width", first_always(64, 512))
def test_tx_checksum(data_width):
    source = write_verilog(TxChecksum(data_width), "tx_checksum", folder=f"tx_checksum{data_width}")
    simulate(
        "test_tx_checksum",
        "tx_checksum",
        [source],
        folder=f"test_tx_checksum{data_width}",
        plusargs=[f"+data_width={data_width}"],
    )
