"""RSS: routes of random frames, one for each that is kept and in their order, against the model's."""

import os
import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.support import cycles, simulate, start, write_verilog
from emulator.model_nic.rss import QUEUE_0, Route, Rss
from hdl.nic.regmap import MRQC, RETA, RSSRK, VET
from hdl.nic.rx_beat import beat_layout
from hdl.nic.rx_rss import RxRss
from hdl.nic.rx_segments import RxRoute

QUEUES = 3
DATA_WIDTH = int(os.environ.get("TEST_DATA_WIDTH", "64"))
LANES = DATA_WIDTH // 8


def random_registers() -> dict[int, int]:
    """Any key and table, some of it naming queues that are not there, and most kinds of hashes, two at least."""
    values = {offset: random.getrandbits(32) for offset in (*RSSRK.offsets(), *RETA.offsets())}
    kinds = random.getrandbits(32) | random.getrandbits(32)
    kinds |= sum(field.put(1) for field in random.sample((MRQC.IPV4, MRQC.TCPIPV4, MRQC.IPV6, MRQC.TCPIPV6), 2))
    return values | {MRQC.offset: kinds & ~MRQC.MODE | MRQC.MODE.put(2), VET.offset: VET.reset}


def random_frame() -> bytes:
    """IPv4 or IPv6, or what only looks like it, behind a tag or not; without FCS."""
    tag = random.choice((b"", b"", b"\x81\x00\x01\x23"))
    protocol = random.choice((1, 6, 17))
    ipv4 = bytearray(random.randbytes(40))
    ipv4[0] = random.choice((0x45, 0x45, 0x45, 0x46, 0x65))
    ipv4[6:8] = random.choice((b"\x40\x00", b"\x00\x00", b"\x20\x00", b"\x00\x01"))
    ipv4[9] = protocol
    ipv6 = bytearray(random.randbytes(60))
    ipv6[0], ipv6[6] = random.choice((0x60, 0x6F, 0x40)), protocol
    packet = random.choice((b"\x08\x00" + ipv4, b"\x86\xdd" + ipv6, random.randbytes(40)))
    data = random.randbytes(12) + tag + packet
    length = random.choice((60, 61, 62, 63, 64, random.randint(60, 200), random.randint(14, 59)))
    return bytes(data.ljust(length, b"\x55")[:length])


async def feed(dut, data: bytes, *, keep: bool, bad: bool, pauses: bool) -> None:
    """A frame as it goes to the FIFO, its FCS taken off."""
    beats = [data[at : at + LANES] for at in range(0, len(data), LANES)]
    for number, beat in enumerate(beats):
        last = number == len(beats) - 1
        info = {"length": len(data) + 4, "bad": bad, "short": len(data) + 4 < 64}
        dut.beat.value = (
            beat_layout(DATA_WIDTH)
            .const(
                {
                    "data": int.from_bytes(beat, "little"),
                    "bytes": len(beat),
                    "first": number == 0,
                    "last": last,
                    "info": info if last else {},
                }
            )
            .as_bits()
        )
        dut.valid.value, dut.commit.value = 1, int(last and keep)
        await RisingEdge(dut.clk)
        dut.valid.value = dut.commit.value = 0
        if pauses:
            await cycles(dut, random.choice((0, 0, 0, 3)))


async def take(dut, routes: list) -> None:
    while True:
        dut.routes__ready.value = int(random.random() < 0.7)
        await ReadOnly()
        if dut.routes__valid.value and dut.routes__ready.value:
            route = RxRoute.from_bits(dut.routes__payload.value.to_unsigned())
            routes.append(Route(route.queue, route.rss_type, route.rss_hash))
        await RisingEdge(dut.clk)


@cocotb.test()
@cocotb.parametrize(pauses=[False, True])
async def agrees_with_model(dut, pauses):
    """Back to back, and with pauses; frames that are not kept have no route."""
    values = random_registers()
    await start(dut, valid=0, commit=0, beat=0, mrqc=values[MRQC.offset], vet=VET.reset, routes__ready=0)
    dut.rssrk.value = sum(values[offset] << 32 * n for n, offset in enumerate(RSSRK.offsets()))
    dut.reta.value = sum(values[offset] << 32 * n for n, offset in enumerate(RETA.offsets()))
    model = Rss(QUEUES)
    model.configure(values)
    routes, expected = [], []
    cocotb.start_soon(take(dut, routes))
    for _ in range(400):
        data, keep, bad = random_frame(), random.random() < 0.8, random.random() < 0.1
        await feed(dut, data, keep=keep, bad=bad, pauses=pauses)
        if keep:
            expected.append(QUEUE_0 if bad or len(data) < 60 else model.route(data))
    await cycles(dut, 200)
    assert routes == expected
    assert len({route.rss_type for route in expected}) > 2


@pytest.mark.slow
@pytest.mark.parametrize("data_width", [64, 512])
def test_rx_rss(data_width, monkeypatch):
    monkeypatch.setenv("TEST_DATA_WIDTH", str(data_width))
    source = write_verilog(RxRss(data_width, QUEUES, 64), "rx_rss", folder=f"rx_rss_{data_width}")
    simulate("test_rx_rss", "rx_rss", [source], folder=f"test_rx_rss_{data_width}")
