"""Flow control: pause frames are asked for as the FIFO's level crosses the thresholds."""

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.support import cycles, simulate, start, write_verilog
from hdl.nic.flow_control import QUANTUM, FlowControl
from hdl.nic.regmap import CTRL, FCRTH, FCRTL, FCTTV

LOW, HIGH, TIME = 10, 100, 0x40


class Requests:
    """Takes requests when the test says so; keeps the times."""

    def __init__(self, dut):
        self.times: list[int] = []
        cocotb.start_soon(self._run(dut))

    async def _run(self, dut) -> None:
        while True:
            await ReadOnly()
            if dut.pause__valid.value and dut.pause__ready.value:
                self.times.append(dut.pause__payload.value.to_unsigned())
            await RisingEdge(dut.clk)


async def begin(dut, *, ctrl: int = CTRL.TFCE, xone: int = FCRTL.XONE) -> Requests:
    """Registers set, FIFO empty."""
    registers = {"fcrtl": FCRTL.RTL.put(LOW) | xone, "fcrth": FCRTH.RTH.put(HIGH), "fcttv": FCTTV.TTV.put(TIME)}
    await start(dut, level=0, ctrl=ctrl, pause__ready=1, **registers)
    return Requests(dut)


async def ramp(dut, *levels: int) -> None:
    """The level moves so."""
    for level in levels:
        dut.level.value = level
        await cycles(dut, 4)


@cocotb.test()
async def follows_the_level(dut):
    """XOFF once at the high threshold, XON once at the low one, nothing in between."""
    requests = await begin(dut)
    await ramp(dut, LOW, LOW + 1, HIGH - 1)
    assert requests.times == []
    await ramp(dut, HIGH, HIGH + 50, HIGH - 1, LOW + 1, HIGH)
    assert requests.times == [TIME]
    await ramp(dut, LOW + 1, LOW, 0, HIGH - 1)
    assert requests.times == [TIME, 0]
    await ramp(dut, HIGH)
    assert requests.times == [TIME, 0, TIME]


@cocotb.test()
async def asks_again(dut):
    """While the FIFO stays full, each time half of the pause is over; not after it has emptied."""
    requests = await begin(dut)
    dut.level.value = HIGH
    await cycles(dut, 3 * (TIME // 2) * QUANTUM + 100)
    assert requests.times == [TIME] * 4
    await ramp(dut, 0)
    await cycles(dut, TIME * QUANTUM)
    assert requests.times == [TIME] * 4 + [0]


@cocotb.test()
async def obeys_its_switches(dut):
    """Without TFCE nothing; without XONE no XON; a request waits until it is taken."""
    requests = await begin(dut, ctrl=0)
    await ramp(dut, HIGH, 0)
    assert requests.times == []
    dut.ctrl.value = CTRL.TFCE
    dut.fcrtl.value = FCRTL.RTL.put(LOW)
    await ramp(dut, 0, HIGH, 0)
    assert requests.times == [TIME]
    dut.pause__ready.value = 0
    await ramp(dut, HIGH, 0, HIGH)
    assert requests.times == [TIME]
    dut.pause__ready.value = 1
    await ramp(dut, HIGH)
    assert requests.times == [TIME, TIME]


def test_flow_control():
    simulate("test_flow_control", "flow_control", [write_verilog(FlowControl(), "flow_control")])
