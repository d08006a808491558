"""Reset, disable and a new ring at any moment: AXI bursts are finished, and nothing is written afterwards."""

import random

import cocotb
import pytest

from cocotb_tests.nic_tester import FILL, MEMORY_BYTES, PROMISCUOUS, QUIET, NicTester, random_frame
from cocotb_tests.support import cycles, nic_verilog, simulate
from hdl.nic import regmap
from hdl.nic.regmap import CTRL, RCTL


async def busy(dut) -> NicTester:
    """A NIC in the middle of receiving, stopped at a random clock; more frames are on the wire."""
    tester = await NicTester.begin(dut, stalls=True)
    await tester.open(PROMISCUOUS | RCTL.BSIZE.put(3), size=128)  # more than the frames need
    for _ in range(20):
        await tester.send(random_frame(random.choice((64, 300, 700, 1500))))
    await cycles(dut, random.randint(30, 900))
    return tester


async def check_alive(tester) -> None:
    """The NIC, set up anew, receives."""
    await tester.wire.wait()
    await tester.open(PROMISCUOUS, ring=0x2000)
    frames = [random_frame(200) for _ in range(5)]
    for frame in frames:
        await tester.send(frame)
    await tester.drain()
    got = [received.data for received in tester.clean()]
    assert got[-5:] == frames


def forget(tester) -> None:
    """The driver takes its memory back: whatever is written to it from now on shows."""
    tester.memory.write(0, bytes([FILL]) * MEMORY_BYTES)


def check_untouched(tester) -> None:
    """Nothing was written since."""
    assert bytes(tester.memory.read(0, MEMORY_BYTES)) == bytes([FILL]) * MEMORY_BYTES


@cocotb.test()
@cocotb.parametrize(attempt=range(8))
async def reset_at_any_moment(dut, attempt):
    """Registers are at their reset values at once, memory is not written any more, and the NIC can be set up again."""
    tester = await busy(dut)
    await tester.write(CTRL, CTRL.RST)
    for register in (regmap.RCTL, regmap.RDLEN, regmap.RDH, regmap.RDT, regmap.ICR, regmap.TPR):
        assert await tester.read(register) == register.reset
    # The beat that stood on the bus at the reset may still be written, after a pause of the slave.
    await cycles(dut, QUIET)
    forget(tester)
    await tester.settle()
    check_untouched(tester)
    await check_alive(tester)


@cocotb.test()
@cocotb.parametrize(attempt=range(8))
async def disable_finishes_the_frame(dut, attempt):
    """After RCTL.EN is cleared whole frames are in memory and no part of one, and then nothing more is written."""
    tester = await busy(dut)
    await tester.write(RCTL, 0)
    await tester.settle()
    head = await tester.read(regmap.RDH)
    tester.clean()  # asserts that no frame is without its end
    assert tester.next_to_clean == head
    forget(tester)
    await tester.drain()
    check_untouched(tester)
    await tester.write(CTRL, CTRL.RST)
    await check_alive(tester)


@cocotb.test()
async def disable_and_enable_loses_nothing(dut):
    """Frames that were in the FIFO when EN was cleared come when it is set again, into the same ring."""
    tester = await NicTester.begin(dut, stalls=True)
    await tester.open(PROMISCUOUS, size=64)
    frames = [random_frame(random.choice((64, 200))) for _ in range(30)]
    for frame in frames:
        await tester.send(frame)
    while not tester.wire.empty():
        await cycles(dut, random.randint(1, 60))
        await tester.write(RCTL, PROMISCUOUS)
        await cycles(dut, random.randint(1, 60))
        await tester.write(RCTL, PROMISCUOUS | RCTL.EN)
    await tester.drain()
    kept = [f for f, v in zip(frames, tester.verdicts, strict=True) if v.name == "KEPT"]
    assert kept, "no frame came while the receiver was on"
    assert [got.data for got in tester.clean()] == kept


@cocotb.test()
@cocotb.parametrize(attempt=range(8))
async def a_new_ring_at_any_moment(dut, attempt):
    """Ring registers written while EN is clear: the old ring and its buffers are left alone, the new one works."""
    tester = await busy(dut)
    await tester.write(RCTL, 0)
    await cycles(dut, random.randint(0, 60))
    await tester.write(regmap.RDBAL, 0x2000)
    await cycles(dut, QUIET)
    forget(tester)
    await tester.settle()
    check_untouched(tester)
    await check_alive(tester)


@pytest.mark.slow
def test_nic_reset():
    simulate("test_nic_reset", "nic", [nic_verilog()])
