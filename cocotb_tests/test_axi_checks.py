"""The assertions on a DMA port: silent on what AXI allows, and each of them fires."""

import random

import cocotb
import pytest
from cocotb.triggers import RisingEdge

from cocotb_tests.support import cycles, simulate, start, write_verilog
from hdl.nic.axi import Burst
from hdl.nic.axi_checks import AxiChecks

DATA_WIDTH = 64
INPUTS = ("awvalid", "wvalid", "arvalid", "awready", "wready", "arready", "rvalid", "bvalid")
PAYLOADS = ("awid", "awaddr", "awlen", "wdata", "wstrb", "wlast", "arid", "araddr", "arlen")

#: What is wrong, by name: the inputs of some clocks.
VIOLATIONS = {
    "address is withdrawn": [{"awvalid": 1}, {"awvalid": 0}],
    "address changes": [{"arvalid": 1, "araddr": 0x100}, {"araddr": 0x108}],
    "data changes": [{"wvalid": 1, "wdata": 1}, {"wdata": 2}],
    "boundary": [{"awvalid": 1, "awready": 1, "awaddr": 0xFF8, "awlen": 1}],
    "burst": [{"arvalid": 1, "arready": 1, "arburst": Burst.FIXED.value}],
    "size": [{"arvalid": 1, "arready": 1, "arsize": 4}],
    "last comes early": [
        {"awvalid": 1, "awready": 1, "awlen": 1},
        {"awvalid": 0, "wvalid": 1, "wready": 1, "wlast": 1},
        {"wvalid": 0},
    ],
}


async def begin(dut) -> None:
    legal = {"awsize": 3, "arsize": 3, "awburst": Burst.INCR.value, "arburst": Burst.INCR.value}
    await start(dut, **dict.fromkeys(INPUTS + PAYLOADS, 0), **legal)


@cocotb.test()
async def watches(dut):
    """What the command line asks for: something that is wrong, or traffic in which nothing is."""
    await begin(dut)
    violation = cocotb.plusargs.get("violation")
    if violation is None:
        await legal_traffic(dut)
        return
    for inputs in list(VIOLATIONS.values())[int(violation)]:
        for name, value in inputs.items():
            getattr(dut, name).value = value
        await RisingEdge(dut.clk)
    await cycles(dut, 3)


async def legal_traffic(dut) -> None:
    """Bursts of all lengths, up to a boundary, with pauses, their data before or after the address."""

    async def addresses(lengths: list[int]) -> None:
        for length in lengths:
            await cycles(dut, random.randint(0, 9))
            dut.awaddr.value, dut.awlen.value, dut.awvalid.value = 0x2000 - 8 * length, length - 1, 1
            await taken("aw")

    async def data(lengths: list[int]) -> None:
        for length in lengths:
            await cycles(dut, random.randint(0, 9))
            for beat in range(length):
                dut.wdata.value, dut.wlast.value, dut.wvalid.value = random.getrandbits(64), int(beat == length - 1), 1
                await taken("w")

    async def taken(channel: str) -> None:
        ready = getattr(dut, f"{channel}ready")
        while True:
            ready.value = now = random.getrandbits(1)
            await RisingEdge(dut.clk)
            if now:
                break
        getattr(dut, f"{channel}valid").value = 0

    lengths = [random.choice((1, 2, 8, 256)) for _ in range(20)]
    tasks = [cocotb.start_soon(work(lengths)) for work in (addresses, data)]
    for task in tasks:
        await task
    await cycles(dut, 4)


def check(*plusargs: str) -> None:
    source = write_verilog(AxiChecks(DATA_WIDTH), "axi_checks")
    simulate("test_axi_checks", "axi_checks", [source], plusargs=plusargs)


def test_axi_checks():
    check()


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_violation(violation):
    with pytest.raises(AssertionError, match="ERROR"):
        check(f"+violation={list(VIOLATIONS).index(violation)}")
