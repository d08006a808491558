"""The NIC with its MAC, from GMII to host memory and back, every clock on its own."""

import random

import cocotb
import pytest
from cocotb.triggers import ClockCycles, Timer

from cocotb_tests.mac.gmii_line import GAP, Line, gaps, with_fcs
from cocotb_tests.mac.test_pause import ADDRESS, STATION, TYPE, number, pause
from cocotb_tests.nic_tester import ACTIVITY, INPUTS, PROMISCUOUS, NicTester, random_frame
from cocotb_tests.support import simulate, write_verilog
from cocotb_tests.tx_ring import TxRing
from hdl.nic import regmap
from hdl.nic.gmii_nic import GmiiNic
from hdl.nic.regmap import CTRL, FCRTH, FCRTL, RAH, RCTL

#: What the MAC connects inside.
INNER = ("s_axis_rx", "m_axis_tx", "mac__")


class GmiiNicTester(NicTester):
    """The NIC's buses on one side, the line on the other."""

    inputs = tuple(name for name in INPUTS if not name.startswith(INNER))
    activity = (*(name for name in ACTIVITY if not name.startswith(INNER)), "gmii__tx_en", "gmii__rx_dv")

    def _attach_wire(self) -> None:
        dut = self.dut
        self.line = Line(dut, dut.gtx_clk, dut.rx_clk, ppm=random.choice([-250, 0, 250]))


async def begin(dut, rctl: int = PROMISCUOUS | RCTL.SECRC) -> tuple[GmiiNicTester, TxRing]:
    """Rings for both directions, the link up, flow control set up but off."""
    dut.gmii__rx_dv.value = dut.gmii__rx_er.value = dut.gmii__rxd.value = 0
    tester = await GmiiNicTester.begin(dut)
    await ClockCycles(dut.clk, 10)
    await tester.open(rctl)
    await tester.write(regmap.TIPG, regmap.TIPG.IPGT.put(GAP - 4))
    for register, value in (
        (regmap.FCAL, number(ADDRESS) & 0xFFFFFFFF),
        (regmap.FCAH, number(ADDRESS) >> 32),
        (regmap.FCT, TYPE),
        (regmap.FCTTV, 0x100),
        (regmap.RAL, number(STATION) & 0xFFFFFFFF),
        (RAH, number(STATION) >> 32 | RAH.AV),
    ):
        await tester.write(register, value)
    return tester, await TxRing.open(tester)


@cocotb.test()
async def both_ways(dut):
    """Frames in while frames go out: all in host memory, all on the line, at the standard's gap."""
    tester, ring = await begin(dut)
    into = [random_frame(random.randint(64, 300)) for _ in range(20)]
    out = [random.randbytes(random.choice([20, 60, 61, 300])) for _ in range(12)]
    for frame in into:
        tester.line.send(with_fcs(frame[:-4]))
    for frame in out:
        ring.put_frame(frame, parts=random.randint(1, 3), IFCS=1)
    await ring.kick()
    await tester.line.silence()
    await tester.settle()
    assert [got.data for got in tester.clean()] == [frame[:-4] for frame in into]
    sent = tester.line.sent()
    assert [bytes(frame.get_payload(strip_fcs=False)) for frame in sent] == [
        with_fcs(frame.ljust(60, b"\0")) for frame in out
    ]
    assert set(gaps(sent)) == {GAP}
    assert (await tester.read(regmap.GPRC), await tester.read(regmap.GPTC)) == (len(into), len(out))


@cocotb.test()
async def counts_what_the_line_does(dut):
    """Each kind of bad carrier in its register, and nothing of it in memory."""
    tester, _ = await begin(dut)
    good = with_fcs(random.randbytes(60))
    tester.line.send(good)
    tester.line.send(good[:-1] + bytes([good[-1] ^ 1]))
    tester.line.send(good, errors=(30,))
    tester.line.send(b"")
    await tester.line.silence()
    await tester.settle()
    assert len(tester.clean()) == 1
    counts = {register: await tester.read(register) for register in (regmap.GPRC, regmap.CRCERRS, regmap.RXERRC)}
    assert list(counts.values()) == [1, 2, 2]


@cocotb.test()
async def flow_control(dut):
    """A FIFO that fills has the other end asked to pause, and then to go on; a pause frame stops the transmitter."""
    tester, ring = await begin(dut)
    await tester.write(FCRTH, 1024)
    await tester.write(FCRTL, 512 | FCRTL.XONE)
    await tester.write(CTRL, CTRL.reset | CTRL.SLU | CTRL.TFCE | CTRL.RFCE)
    await tester.write(RCTL, PROMISCUOUS | RCTL.EN)
    used = tester.next_to_use
    for _ in range(used // 1 + 20):  # more frames than buffers
        tester.line.send(with_fcs(random.randbytes(124)))
    await tester.line.silence()
    await Timer(3, unit="us")
    first, *_ = tester.line.sent()
    assert first.get_payload(strip_fcs=False) == with_fcs(
        (ADDRESS + STATION + b"\x88\x08\x00\x01\x01\x00").ljust(60, b"\0")
    )
    await tester.refill(len(tester.clean()))
    await tester.settle()
    assert tester.line.sent()[-1].get_payload()[16:18] == b"\0\0"
    assert await tester.read(regmap.XONTXC) == 1

    tester.line.send(with_fcs(pause(20, length=60)))
    await Timer(2, unit="us")
    ring.put_frame(bytes(60), IFCS=1)
    await ring.kick()
    await Timer(4, unit="us")
    assert not tester.line.sent()
    await Timer(12, unit="us")
    assert len(tester.line.sent()) == 1
    assert await tester.read(regmap.XOFFRXC) == 1


@pytest.mark.slow
def test_gmii_nic():
    simulate("test_gmii_nic", "gmii_nic", [write_verilog(GmiiNic(), "gmii_nic")])
