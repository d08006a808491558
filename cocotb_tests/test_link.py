"""Link status: STATUS.LU follows the PHY while CTRL.SLU is set and PHY_RST is not; every change is reported once."""

import random

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.support import simulate, start, write_verilog
from hdl.nic.link import LinkStatus
from hdl.nic.regmap import CTRL, STATUS

#: Clocks from the PHY's signal to STATUS.LU.
SYNCHRONIZER = 2


@cocotb.test()
async def reports_changes(dut):
    """Random changes of the PHY's link and of CTRL, with what it forces."""
    await start(dut, link_up=0, ctrl=0, status__read=0, status__write=0)
    history, before = [0] * (SYNCHRONIZER + 1), 0
    for _ in range(1000):
        link_up, slu = random.random() < 0.5, random.random() < 0.8
        in_reset = random.random() < 0.2
        ctrl = random.getrandbits(32) & ~(CTRL.SLU | CTRL.PHY_RST) | CTRL.SLU * slu | CTRL.PHY_RST * in_reset
        dut.link_up.value, dut.ctrl.value = link_up, ctrl
        history = [*history[1:], int(link_up)]
        await ReadOnly()
        link = history[0] & slu & (not in_reset)
        status = dut.status__value.value.to_unsigned()
        assert bool(status & STATUS.LU) == link
        assert STATUS.FD.get(status) == (CTRL.FD.get(ctrl) if ctrl & CTRL.FRCDPLX else 1)
        assert STATUS.SPEED.get(status) == (CTRL.SPEED.get(ctrl) if ctrl & CTRL.FRCSPD else 2)
        assert dut.changed.value == (link != before)
        before = link
        await RisingEdge(dut.clk)


def test_link():
    simulate("test_link", "link_status", [write_verilog(LinkStatus(), "link_status")])
