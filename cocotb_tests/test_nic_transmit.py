"""Transmission through the whole NIC: descriptors in memory, frames on the stream, against independent bus models."""

import random

import cocotb
import pytest
from cocotb.triggers import RisingEdge

from cocotb_tests.nic_tester import PROMISCUOUS, NicTester, random_frame
from cocotb_tests.support import cycles, nic_verilog, simulate
from cocotb_tests.tx_ring import Sent, TxRing
from emulator.engines.base import Verdict
from hdl.nic import regmap
from hdl.nic.regmap import ICR, RCTL


def padded(data: bytes) -> Sent:
    """A frame as it leaves with PSP and IFCS."""
    return Sent(data.ljust(60, b"\0"), good_fcs=True)


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(stalls=[False, True])
async def frames_leave_as_they_are_in_memory(dut, stalls):
    """All lengths, alignments and numbers of parts; RS or not."""
    tester = await NicTester.begin(dut, stalls=stalls)
    ring = await TxRing.open(tester, size=random.choice((16, 32)))
    lengths = [1, 8, 14, 59, 60, 61, 64, 65, *(random.randint(1, 1514) for _ in range(10)), 9000]
    random.shuffle(lengths)
    frames = [random.randbytes(length) for length in lengths]
    sent = []
    for frame in frames:
        ring.put_frame(frame, parts=random.choice((1, 1, 2, 3)), IFCS=1, RS=1)
        await ring.kick()
        await ring.wait()
        sent += await ring.sent()
    assert [len(s.data) for s in sent] == [max(60, len(frame)) for frame in frames]
    assert sent == [padded(frame) for frame in frames]
    assert await tester.read(ICR) & (ICR.TXDW | ICR.TXQE) == ICR.TXDW | ICR.TXQE
    assert await tester.read(regmap.TDH) == ring.tail


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(link=[False, True])
async def with_rctl_lbm_frames_come_back(dut, link):
    """With or without a link; the wire is left out, but each frame on it has its verdict."""
    tester = await NicTester.begin(dut)
    await tester.open(PROMISCUOUS | RCTL.SECRC | RCTL.LBM.put(3))
    ring = await TxRing.open(tester)
    dut.link_up.value = link
    frames = [random.randbytes(random.randint(60, 1514)) for _ in range(10)]
    for frame in frames:
        ring.put_frame(frame, IFCS=1, RS=1)
    await ring.kick()
    for _ in range(20):
        await tester.send(random_frame(100))
    await ring.wait()
    await tester.drain()
    assert [received.data for received in tester.clean()] == frames
    assert not await ring.sent()
    assert tester.verdicts == [Verdict.DISABLED] * 20
    assert await tester.read(regmap.GPTC) == await tester.read(regmap.GPRC) == 10
    assert await tester.read(regmap.TPR) == 10, "who does not listen to the wire does not count what is on it"


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def a_reset_in_the_middle_of_a_frame_that_comes_back(dut):
    """It is forgotten, and the wire is heard again."""
    tester = await NicTester.begin(dut)
    await tester.open(PROMISCUOUS | RCTL.LPE | RCTL.LBM.put(1))
    ring = await TxRing.open(tester)
    ring.put_frame(random.randbytes(9000), IFCS=1)
    await ring.kick()
    while not dut.tx_whole.value:
        await RisingEdge(dut.clk)
    await cycles(dut, 100)
    await tester.write(regmap.CTRL, regmap.CTRL.reset | regmap.CTRL.RST)
    await tester.settle()
    tester.clean()
    await tester.open(PROMISCUOUS)
    frame = random_frame(100)
    await tester.send(frame)
    await tester.drain()
    assert [received.data for received in tester.clean()] == [frame]
    assert tester.verdicts == [Verdict.KEPT]


@pytest.mark.slow
@pytest.mark.parametrize("data_width", [64])
def test_nic_transmit(data_width):
    simulate("test_nic_transmit", "nic", [nic_verilog(data_width=data_width)], folder=f"test_nic_transmit{data_width}")
