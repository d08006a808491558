"""Frames that are not delivered, or not as they are: every frame has one verdict, and the registers agree."""

import random
from collections import Counter

import cocotb
import pytest

from cocotb_tests.nic_tester import PROMISCUOUS, NicTester, random_frame
from cocotb_tests.support import cycles, nic_verilog, simulate
from emulator.engines.base import Verdict
from hdl.nic import regmap
from hdl.nic.regmap import ICR, RAH, RAL, RCTL

STATION = b"\x02\x00\x00\x12\x34\x56"
OTHER = b"\x02\x00\x00\x12\x34\x57"
GROUP = b"\x01\x00\x5e\x00\x00\x01"
BROADCAST = b"\xff" * 6


async def set_station(tester) -> None:
    """Give the NIC its address."""
    await tester.write(RAL, int.from_bytes(STATION[:4], "little"))
    await tester.write(RAH, int.from_bytes(STATION[4:], "little") | RAH.AV)


def random_traffic(count: int) -> list[tuple[bytes, bool]]:
    """Frames of all kinds, and whether their FCS is bad."""
    frames = []
    for _ in range(count):
        destination = random.choice((STATION, STATION, OTHER, GROUP, BROADCAST))
        length = random.choice((20, 63, 64, 64, 65, 128, 300, 1522, 1523))
        frames.append((random_frame(length, destination), random.random() < 0.15))
    return frames


def conserved(counts: Counter, sent: int) -> None:
    assert counts.total() == sent, f"{sent} frames were sent, and there are verdicts for {counts.total()}"


@cocotb.test()
@cocotb.parametrize(store_bad=[False, True])
async def statistics_agree_with_verdicts(dut, store_bad):
    """Mixed traffic: sent = kept + missed + errors + filtered; registers, verdicts and the host agree."""
    tester = await NicTester.begin(dut)
    await set_station(tester)
    await tester.open(RCTL.BAM | (RCTL.SBP if store_bad else 0), size=128)
    traffic = random_traffic(90)
    for frame, bad in traffic:
        await tester.send(frame, bad=bad)
    await tester.drain()
    verdicts = Counter(tester.verdicts)
    conserved(verdicts, len(traffic))
    received = tester.clean()
    for got, (frame, bad) in zip(
        received, [t for t, v in zip(traffic, tester.verdicts, strict=True) if v is Verdict.KEPT], strict=True
    ):
        assert got.data == frame
        assert bool(got.errors) == (bad or not 64 <= len(frame) <= 1522)

    passed = [(len(f), bad, f) for f, bad in traffic if f[:6] in (STATION, BROADCAST)]
    wrong = [(n, bad) for n, bad, _ in passed if bad or not 64 <= n <= 1522]
    good = [(n, f) for n, bad, f in passed if not bad and 64 <= n <= 1522]
    assert verdicts[Verdict.FILTERED] == len(traffic) - len(passed)
    assert verdicts[Verdict.ERROR] == (0 if store_bad else len(wrong))
    assert verdicts[Verdict.KEPT] == len(received) == len(good) + (len(wrong) if store_bad else 0)
    expected = {
        "TPR": len(traffic),
        "TORL": sum(len(frame) for frame, _ in traffic),
        "GPRC": len(good),
        "GORCL": sum(n for n, _ in good),
        "BPRC": sum(f[:6] == BROADCAST for _, f in good),
        "MPRC": 0,
        "CRCERRS": sum(bad and n >= 64 for n, bad in wrong),
        "RUC": sum(n < 64 and not bad for n, bad in wrong),
        "RFC": sum(n < 64 and bad for n, bad in wrong),
        "ROC": sum(n > 1522 and not bad for n, bad in wrong),
        "RJC": sum(n > 1522 and bad for n, bad in wrong),
        "RLEC": sum(not 64 <= n <= 1522 for n, _ in wrong),
        "MPC": 0,
        "RNBC": 0,
    }
    assert {name: await tester.read(getattr(regmap, name)) for name in expected} == expected


@cocotb.test()
async def overload_drops_whole_frames(dut):
    """No descriptors: frames wait in the FIFO (RNBC) until it is full, then whole frames are missed (MPC, RXO)."""
    tester = await NicTester.begin(dut)
    await tester.open(PROMISCUOUS, buffers=0)
    frames = [random_frame(1000) for _ in range(24)]
    for frame in frames:
        await tester.send(frame)
    await tester.wire.wait()
    await cycles(dut, 20)
    verdicts = Counter(tester.verdicts)
    conserved(verdicts, len(frames))
    assert verdicts[Verdict.KEPT] == 16384 // 1000
    assert not tester.clean()
    assert await tester.read(regmap.RDH) == 0
    assert await tester.read(regmap.MPC) == verdicts[Verdict.MISSED] == len(frames) - verdicts[Verdict.KEPT]
    assert await tester.read(regmap.RNBC) == verdicts[Verdict.KEPT]
    assert await tester.read(ICR) == ICR.RXO

    await tester.refill(31)
    await tester.drain()
    kept = [f for f, v in zip(frames, tester.verdicts, strict=True) if v is Verdict.KEPT]
    assert [got.data for got in tester.clean()] == kept


@cocotb.test()
async def tail_outside_the_ring_is_no_descriptor(dut):
    """Nor is there one in a ring of no length; nothing is written, and frames wait."""
    tester = await NicTester.begin(dut)
    await tester.open(PROMISCUOUS, size=8, buffers=0)
    for length, tail in ((128, 8), (128, 0xFFFF), (0, 3)):
        await tester.write(regmap.RCTL, 0)
        await tester.write(regmap.RDLEN, length)
        await tester.write(regmap.RDT, tail)
        await tester.write(regmap.RCTL, PROMISCUOUS | RCTL.EN)
        await tester.send(random_frame(64))
        await tester.drain()
        assert await tester.read(regmap.RDH) == 0
        assert await tester.read(regmap.RNBC) == 1
    assert bytes(tester.memory.read(0, 1 << 20)) == b"\xa5" * (1 << 20)


@cocotb.test()
async def an_error_response_halts_the_queue(dut):
    """After a write that memory refused no descriptor is written back, until the device is reset."""
    tester = await NicTester.begin(dut)
    await tester.open(PROMISCUOUS)

    def refuse(address, data):
        raise ValueError("no memory here")

    good_write, tester.memory.write_if.write = tester.memory.write_if.write, refuse
    await tester.send(random_frame(64))
    await tester.wire.wait()
    await cycles(dut, 100)
    tester.memory.write_if.write = good_write
    await tester.send(random_frame(64))
    await tester.drain()
    assert not tester.clean()
    await tester.write(regmap.CTRL, regmap.CTRL.RST)
    await tester.open(PROMISCUOUS)
    frame = random_frame(64)
    await tester.send(frame)
    await tester.drain()
    assert [got.data for got in tester.clean()] == [frame]


@pytest.mark.slow
def test_nic_errors():
    simulate("test_nic_errors", "nic", [nic_verilog()])
