"""The whole NIC: frames from the wire to host memory, with random sizes, alignments and stalls."""

import random

import cocotb
import pytest

from cocotb_tests.nic_tester import PROMISCUOUS, NicTester, random_frame
from cocotb_tests.support import nic_verilog, simulate
from emulator.engines.base import Verdict
from hdl.nic.regmap import RCTL

#: Lengths around beats and around the FCS; the rest is random.
LENGTHS = (64, 65, 67, 68, 69, 127, 128, 129)


async def send_and_check(tester, frames: list[bytes], fcs_bytes: int) -> list:
    """Send frames and find them, byte for byte and in order; returns them as received."""
    for frame in frames:
        await tester.send(frame)
    await tester.drain()
    received = tester.clean()
    assert [got.data for got in received] == [frame[: len(frame) - fcs_bytes] for frame in frames]
    await tester.refill(sum(got.buffers for got in received))
    return received


@cocotb.test()
@cocotb.parametrize(stalls=[False, True], secrc=[False, True])
async def delivers_frames(dut, stalls, secrc):
    """All sizes into buffers of all alignments, over the end of the ring; guards before and behind are untouched."""
    tester = await NicTester.begin(dut, stalls=stalls)
    await tester.open(PROMISCUOUS | (RCTL.SECRC if secrc else 0))
    for _ in range(2):
        frames = [random_frame(random.choice((*LENGTHS, random.randint(64, 400)))) for _ in range(25)]
        await send_and_check(tester, frames, 4 if secrc else 0)
    assert tester.verdicts == [Verdict.KEPT] * 50


@cocotb.test()
@cocotb.parametrize(bsize=[1, 3])
async def spreads_frames_over_buffers(dut, bsize):
    """Buffers smaller than the frame: as many as it needs, EOP only on the last."""
    tester = await NicTester.begin(dut, stalls=True)
    size = {1: 1024, 3: 256}[bsize]
    await tester.open(PROMISCUOUS | RCTL.BSIZE.put(bsize) | RCTL.LPE, size=64)
    lengths = [size - 1, size, size + 1, 2 * size, 2 * size + 1, 9 * size + 7]
    received = await send_and_check(tester, [random_frame(length) for length in lengths], 0)
    assert [got.buffers for got in received] == [-(-length // size) for length in lengths]


@cocotb.test()
async def takes_long_frames(dut):
    """RCTL.LPE: frames of 16,384 bytes less what the FIFO needs of room, into buffers of 16 KiB."""
    tester = await NicTester.begin(dut)
    await tester.open(PROMISCUOUS | RCTL.LPE | RCTL.BSEX | RCTL.BSIZE.put(1), size=8)
    for length in (1523, 9018, 16384):
        await send_and_check(tester, [random_frame(length)], 0)


@pytest.mark.slow
@pytest.mark.parametrize("data_width", [64, pytest.param(256, marks=pytest.mark.long)])
def test_nic_receive(data_width):
    simulate("test_nic_receive", "nic", [nic_verilog(data_width=data_width)], folder=f"test_nic_receive_{data_width}")
