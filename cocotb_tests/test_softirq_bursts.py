"""How much a softirq takes on before it hands over: 64, 320 and 640 packets, counted on saturated RTL NICs.

The numbers follow from net/core/dev.c and kernel/softirq.c: each instance is polled once per net_rx_action, which stops
at netdev_budget; handle_softirqs makes ten passes.
"""

import dataclasses

import cocotb
import pytest

from cocotb_tests.board_tester import run_on_board
from driver.kernel.cpu import Account, this_cpu
from driver.kernel.softirq import Vector
from emulator.cost_profiles import load_costs
from emulator.emulation import Emulation
from emulator.engines.cocotb_engine import CocotbEngine
from emulator.run import bring_up
from emulator.scenario import Scenario
from emulator.traffic import frames

_FRAME_NS = 672  #: from one 60-byte frame to the next at 1 Gb/s


class Bursts:
    """Counts packets by what runs them.

    Attributes:
        of_interrupts: packets of each handle_softirqs at the end of an interrupt.
        of_actions: packets of each net_rx_action.
        in_ksoftirqd: packets taken by the thread.
    """

    def __init__(self, machine):
        self.of_interrupts = []
        self.of_actions = []
        self.in_ksoftirqd = 0
        self._session = None
        register = machine.tracepoints.register
        register("softirq_entry", self._entry)
        register("netif_receive_skb", self._packet)

    def _entry(self, vector):
        if vector is Vector.NET_RX:
            self.of_actions.append(0)

    def _packet(self, _skb):
        self.of_actions[-1] += 1
        context = this_cpu().stack[-1]
        if context.account is Account.KSOFTIRQD:
            self.in_ksoftirqd += 1
        elif context is self._session:
            self.of_interrupts[-1] += 1
        else:
            self._session = context
            self.of_interrupts.append(1)


async def saturate(dut, nics, count, stack_ns):
    """The first NICs of the board receive so many frames each, back to back; the stack takes its time for each."""
    costs = dataclasses.replace(load_costs("modern"), netif_receive_skb=stack_ns)
    emulation = Emulation(CocotbEngine(dut, costs), costs)
    scenario = Scenario(generate=(60,), count=count, nics=emulation.engine.nics)
    await bring_up(emulation, scenario)
    bursts = Bursts(emulation.machine)
    for nic, wire in enumerate(emulation.engine.wires[:nics]):
        wire.send(list(frames(scenario, nic)))
    while not all(wire.idle for wire in emulation.engine.wires):
        await emulation.run_for(50_000)
    return emulation, bursts


@cocotb.test()
async def one_nic_gets_640_packets_and_then_waits_for_ksoftirqd(dut):
    emulation, bursts = await saturate(dut, 1, 1_600, stack_ns=_FRAME_NS)  # ten polls end before the limit of 2 ms
    assert bursts.of_interrupts[0] == 640
    assert set(bursts.of_actions[:10]) == {64}
    assert bursts.in_ksoftirqd > 0
    assert emulation.machine.cpus[0].softnet.time_squeeze == 0


@cocotb.test()
async def five_nics_use_up_the_budget_at_320_packets(dut):
    emulation, bursts = await saturate(dut, 5, 500, stack_ns=_FRAME_NS // 5)
    assert max(bursts.of_actions) == 320
    assert emulation.machine.cpus[0].softnet.time_squeeze >= bursts.of_actions.count(320) > 0


@pytest.mark.slow
def test_softirq_bursts():
    run_on_board(__name__, nics=5)
