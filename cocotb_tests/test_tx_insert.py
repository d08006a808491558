"""Checksums at every place of a frame; the transport one goes over the IP one."""

import random

import cocotb
import pytest

from cocotb_tests.streams import StreamSink, StreamSource
from cocotb_tests.support import cycles, simulate, start, write_verilog
from cocotb_tests.tx_beats import beats_of, frames_of
from hdl.nic.tx_insert import TxInsert


def random_sum(length: int) -> dict[str, int]:
    """One that is inside the frame, as tx_checksum sees to."""
    offset = random.choice((0, 1, 6, 7, 8, random.randrange(256)))
    return {
        "wanted": int(offset < length - 1 and random.random() < 0.7),
        "offset": offset,
        "value": random.getrandbits(16),
    }


@cocotb.test()
@cocotb.parametrize(pause=[0, 0.4])
async def checksums_are_inserted(dut, pause):
    await start(dut, beats__valid=0, inserted__ready=0)
    width = int(cocotb.plusargs["data_width"])
    sink = StreamSink(dut, "inserted", pause=pause)
    beats, expected = [], []
    for _ in range(80):
        data = bytearray(random.randbytes(random.randint(2, 600)))
        sums = {"ip": random_sum(len(data)), "transport": random_sum(len(data))}
        beats += beats_of(bytes(data), width, **sums)
        for item in sums.values():
            if item["wanted"]:
                data[item["offset"] : item["offset"] + 2] = item["value"].to_bytes(2, "big")
        expected.append(bytes(data))
    await StreamSource(dut, "beats", beats, pause=pause).done
    await cycles(dut, 20)
    assert frames_of(sink.payloads, width) == expected


@pytest.mark.slow
@pytest.mark.parametrize("data_width", [64, pytest.param(512, marks=pytest.mark.long)])
def test_tx_insert(data_width):
    source = write_verilog(TxInsert(data_width), "tx_insert", folder=f"tx_insert{data_width}")
    simulate(
        "test_tx_insert",
        "tx_insert",
        [source],
        folder=f"test_tx_insert{data_width}",
        plusargs=[f"+data_width={data_width}"],
    )
