"""The driver sends on RTL: frames leave the wire as they were, and requests are answered."""

import random
from itertools import pairwise

import cocotb
import pytest

from cocotb_tests.board_tester import run_on_board
from driver.apps.thread import start as start_app
from driver.apps.udp import Server
from driver.e1000.hw import er32
from driver.kernel.net.hard_start_xmit import NET_XMIT_SUCCESS
from driver.kernel.net.netdevice import dev_close, dev_get_stats
from driver.kernel.net.skbuff import alloc_skb
from driver.kernel.net.xmit import dev_queue_xmit
from driver.kernel.softirq import local_bh_disable, local_bh_enable
from emulator.client import ClosedLoopClient, configure_interface
from emulator.cost_profiles import load_costs
from emulator.emulation import Emulation
from emulator.engines.cocotb_engine import CocotbEngine
from emulator.generator import UdpGenerator
from emulator.run import bring_up
from emulator.scenario import Scenario
from hdl.nic.regmap import TDH, TDT

MS = 1_000_000
BYTE_PS = 8000
PREAMBLE, FCS, GAP = 8, 4, 12


async def begin(dut, **options):
    """The board with the interface up."""
    scenario = Scenario(generate=(60,), count=1, **options)
    costs = load_costs(scenario.costs)
    emulation = Emulation(CocotbEngine(dut, costs), costs)
    (netdev,) = await bring_up(emulation, scenario)
    return emulation, netdev


async def transmit(netdev, packets):
    """Give packets to the interface."""
    local_bh_disable()
    for data in packets:
        assert await dev_queue_xmit(alloc_skb(data, netdev)) == NET_XMIT_SUCCESS
    await local_bh_enable()


@cocotb.test()
async def packets_leave_as_they_were_at_the_pace_of_the_wire(dut):
    emulation, netdev = await begin(dut)
    sent = []
    wire = emulation.engine.wires[0]
    wire.listen(sent.append)
    lengths = [60, 61, 100, 1514, 14, *(random.randint(60, 1514) for _ in range(15))]
    packets = [b"\x02" + random.randbytes(length - 1) for length in lengths]
    await emulation.call(transmit(netdev, packets))
    await emulation.run_for(1 * MS)
    padded = [packet.ljust(60, b"\0") for packet in packets]
    assert [frame.data for frame in sent] == padded
    assert not any(frame.bad_fcs for frame in sent)
    for frame in sent:
        assert frame.end_ps - frame.start_ps == (PREAMBLE + len(frame.data) + FCS) * BYTE_PS
    gaps = [after.start_ps - before.end_ps for before, after in pairwise(sent)]
    assert min(gaps) >= GAP * BYTE_PS
    assert gaps.count(GAP * BYTE_PS) > len(gaps) // 2  # back to back
    hw = netdev.priv.hw
    assert await emulation.call(er32(hw, TDH)) == await emulation.call(er32(hw, TDT))
    assert (await emulation.call(dev_get_stats(netdev))).tx_packets == len(packets)
    await emulation.call(dev_close(netdev))
    assert wire.cut_off == 0


@cocotb.test()
async def requests_are_answered(dut):
    emulation, netdev = await begin(dut)
    configure_interface(netdev, 0)
    server = Server(7, response_bytes=300)
    start_app(emulation.machine, server)
    client = ClosedLoopClient(emulation.engine.wires[0], UdpGenerator([100], nic=0, seed=1, port=7), 0)
    await emulation.run_for(100_000)
    client.start(4, 40, emulation.engine.now * 1000)
    await emulation.run_for(2 * MS)
    assert (client.sent, client.answered, client.unexpected) == (40, 40, 0)
    assert (server.received, server.answered) == (40, 40)


@pytest.mark.slow
def test_driver_transmit():
    run_on_board(__name__)
