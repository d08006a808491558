"""Transmission through the whole NIC: descriptors in memory, frames on the stream, against independent bus models."""

import random

import cocotb
import pytest

from cocotb_tests.nic_tester import NicTester
from cocotb_tests.support import nic_verilog, simulate
from cocotb_tests.tx_ring import Sent, TxRing
from hdl.nic import regmap
from hdl.nic.regmap import ICR


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


@pytest.mark.parametrize("data_width", [64])
def test_nic_transmit(data_width):
    simulate("test_nic_transmit", "nic", [nic_verilog(data_width=data_width)], folder=f"test_nic_transmit{data_width}")
