"""The whole NIC: frames from the wire to host memory, with random sizes, alignments and stalls."""

import random

import cocotb

from cocotb_tests.nic_tester import NicTester, random_frame
from cocotb_tests.support import nic_verilog, simulate
from emulator.engines.base import Verdict
from hdl.nic.regmap import RCTL

PROMISCUOUS = RCTL.UPE | RCTL.MPE | RCTL.BAM


@cocotb.test()
@cocotb.parametrize(stalls=[False, True], secrc=[False, True])
async def delivers_frames(dut, stalls, secrc):
    """Frames of all sizes into buffers of all alignments, byte for byte and in order, guards untouched."""
    tester = await NicTester.begin(dut, stalls=stalls)
    await tester.open(PROMISCUOUS | (RCTL.SECRC if secrc else 0))
    for _ in range(2):
        frames = [random_frame(random.choice((64, 65, 67, 68, 69, 127, 128, random.randint(64, 400)))) for _ in range(25)]
        for frame in frames:
            await tester.send(frame)
        await tester.drain()
        got = tester.clean()
        assert [g.data for g in got] == [f[:-4] if secrc else f for f in frames]
        await tester.refill(len(frames))
    assert tester.verdicts == [Verdict.KEPT] * 50


def test_nic_receive():
    simulate("test_nic_receive", "nic", [nic_verilog()])
