"""The whole NIC's interrupt line: what drivers with NAPI rely on."""

import cocotb
import pytest

from cocotb_tests.nic_tester import PROMISCUOUS, NicTester, random_frame
from cocotb_tests.support import cycles, nic_verilog, simulate
from hdl.nic.regmap import CTRL, ICR, ICS, IMC, IMS, RCTL, STATUS


@cocotb.test()
async def masked_receive_latches_and_unmasking_interrupts(dut):
    """A frame that arrives while receive is masked interrupts at the unmask, and not before."""
    tester = await NicTester.begin(dut)
    await tester.open(PROMISCUOUS)
    await tester.send(random_frame(64))
    await tester.drain()
    assert not dut.irq.value
    await tester.write(IMS, ICR.RXT0)
    await cycles(dut, 2)
    assert dut.irq.value
    assert await tester.read(ICR) & ICR.RXT0
    assert not dut.irq.value


@cocotb.test()
async def masking_receive_leaves_other_causes_alive(dut):
    """With receive masked, and its cause latched, a link change through ICS still interrupts."""
    tester = await NicTester.begin(dut)
    await tester.open(PROMISCUOUS)
    receive = ICR.RXT0 | ICR.RXDMT0 | ICR.RXO
    await tester.write(IMS, receive | ICR.LSC)
    await tester.send(random_frame(64))
    await tester.drain()
    assert dut.irq.value
    await tester.write(IMC, receive)
    await cycles(dut, 2)
    assert not dut.irq.value
    await tester.write(ICS, ICR.LSC)
    await cycles(dut, 2)
    assert dut.irq.value
    assert await tester.read(ICR) & (ICR.LSC | ICR.RXT0) == ICR.LSC | ICR.RXT0


@cocotb.test()
async def a_link_change_is_a_cause(dut):
    """STATUS.LU and LSC follow the PHY once CTRL.SLU is set; a reset is no link change."""
    tester = await NicTester.begin(dut)
    dut.link_up.value = 1
    await cycles(dut, 4)
    assert await tester.read(ICR) == 0
    await tester.write(CTRL, CTRL.reset | CTRL.SLU)
    await cycles(dut, 4)
    assert await tester.read(ICR) == ICR.LSC
    assert await tester.read(STATUS) & STATUS.LU
    dut.link_up.value = 0
    await cycles(dut, 4)
    assert await tester.read(ICR) == ICR.LSC
    assert not await tester.read(STATUS) & STATUS.LU
    dut.link_up.value = 1
    await cycles(dut, 4)
    await tester.write(CTRL, CTRL.RST)
    await cycles(dut, 4)
    assert await tester.read(ICR) == 0


@cocotb.test()
@cocotb.parametrize(setting=[0, 1, 2])
async def the_threshold_is_a_cause(dut, setting):
    """RXDMT0 comes with the frame that leaves the fraction of RDMTS free, and with no other."""
    tester = await NicTester.begin(dut)
    await tester.open(PROMISCUOUS | RCTL.RDMTS.put(setting), size=32)
    seen = []
    for _ in range(31):
        await tester.send(random_frame(64))
        await tester.drain()
        seen.append(bool(await tester.read(ICR) & ICR.RXDMT0))
    free = [30 - number for number in range(31)]
    assert seen == [left == 32 >> 1 + setting for left in free]


@cocotb.test()
async def the_cause_comes_after_the_descriptor(dut):
    """Whenever the line rises, a finished descriptor is in memory; the head has moved too."""
    tester = await NicTester.begin(dut, stalls=True)
    await tester.open(PROMISCUOUS)
    await tester.write(IMS, ICR.RXT0)
    for _ in range(10):
        await tester.send(random_frame(200))
        await dut.irq.rising_edge
        assert len(tester.clean()) == 1
        assert await tester.read(ICR) & ICR.RXT0


@pytest.mark.slow
def test_nic_interrupts():
    simulate("test_nic_interrupts", "nic", [nic_verilog()])
