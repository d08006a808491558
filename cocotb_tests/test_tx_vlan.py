"""Tags in frames of every length around the tag's place and around beats."""

import random

import cocotb
import pytest

from cocotb_tests.streams import StreamSink, StreamSource
from cocotb_tests.support import cycles, first_always, simulate, start, write_verilog
from cocotb_tests.tx_beats import beats_of, frames_of
from hdl.nic.tx_vlan import TxVlan

ETHERTYPE = 0x88A8


@cocotb.test()
@cocotb.parametrize(enable=[0, 1], pause=[0, 0.4])
async def tags_are_inserted_where_they_are_wanted(dut, enable, pause):
    await start(dut, beats__valid=0, tagged__ready=0, enable=enable, ethertype=ETHERTYPE)
    width = int(cocotb.plusargs["data_width"])
    lengths = [11, 12, 13, 16, 60, 61, 62, 63, 64, 65, *(random.randint(1, 4 * width // 8) for _ in range(50))]
    frames = [(random.randbytes(length), random.getrandbits(1), random.getrandbits(16)) for length in lengths]
    sink = StreamSink(dut, "tagged", pause=pause)
    beats = [beat for data, insert, tag in frames for beat in beats_of(data, width, insert_tag=insert, tag=tag)]
    await StreamSource(dut, "beats", beats, pause=pause).done
    await cycles(dut, 30)
    expected = [
        data[:12] + ETHERTYPE.to_bytes(2, "big") + tag.to_bytes(2, "big") + data[12:]
        if insert and enable and len(data) >= 12
        else data
        for data, insert, tag in frames
    ]
    assert frames_of(sink.payloads, width) == expected


@pytest.mark.parametrize("data_width", first_always(64, 512))
def test_tx_vlan(data_width):
    source = write_verilog(TxVlan(data_width), "tx_vlan", folder=f"tx_vlan{data_width}")
    simulate(
        "test_tx_vlan", "tx_vlan", [source], folder=f"test_tx_vlan{data_width}", plusargs=[f"+data_width={data_width}"]
    )
