"""Link status: STATUS.LU follows the PHY only while CTRL.SLU is set, and every change of it is reported once."""

import random

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.support import simulate, start, write_verilog
from hdl.nic.link import LinkStatus

#: Clocks from the PHY's signal to STATUS.LU.
SYNCHRONIZER = 2


@cocotb.test()
async def reports_changes(dut):
    """Random changes of both inputs."""
    await start(dut, link_up=0, slu=0)
    history, before = [0] * (SYNCHRONIZER + 1), 0
    for _ in range(1000):
        link_up, slu = random.random() < 0.5, random.random() < 0.8
        dut.link_up.value, dut.slu.value = link_up, slu
        history = [*history[1:], int(link_up)]
        await ReadOnly()
        link = history[0] & slu
        assert dut.lu.value == link
        assert dut.changed.value == (link != before)
        before = link
        await RisingEdge(dut.clk)


def test_link():
    simulate("test_link", "link_status", [write_verilog(LinkStatus(), "link_status")])
