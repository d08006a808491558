"""The driver on the board: what must hold between interrupt, poll and unmask on RTL."""

import cocotb

from cocotb_tests.board_tester import run_on_board
from driver.e1000.adapter import POLL_CAUSES
from driver.e1000.hw import er32, ew32
from driver.kernel.net.napi import NapiState
from emulator.cost_profiles import load_costs
from emulator.emulation import Emulation
from emulator.engines.base import Verdict
from emulator.engines.cocotb_engine import CocotbEngine
from emulator.run import bring_up
from emulator.scenario import Scenario
from emulator.traffic import frames
from hdl.nic.regmap import ICR, ICS, IMS, RCTL


async def start(dut, **options):
    """The board with the interface up, and the frames of a scenario."""
    scenario = Scenario(generate=(60,), **{"count": 1} | options)
    costs = load_costs(scenario.costs)
    emulation = Emulation(CocotbEngine(dut, costs), costs)
    (netdev,) = await bring_up(emulation, scenario)
    return emulation, netdev.priv, list(frames(scenario, 0))


@cocotb.test()
async def a_link_change_interrupts_while_receive_is_masked_and_polled(dut):
    emulation, adapter, traffic = await start(dut, count=1200, costs="router2002")
    emulation.engine.wires[0].send(traffic)
    await emulation.run_for(400_000)
    irqs = emulation.machine.irqs.desc(adapter.pdev.irq).counts
    irqs_before, rx_irqs_before = irqs[0], adapter.rx_irqs
    watchdog_before = adapter.watchdog_timer.expires

    async def link_change():
        mask = await er32(adapter.hw, IMS)
        await ew32(adapter.hw, ICS, ICR.LSC)
        await er32(adapter.hw, IMS)  # ICS is there, and so is its interrupt
        return mask, adapter.napi.state

    mask, state = await emulation.call(link_change())
    assert mask == ICR.LSC | ICR.TXDW
    assert state & NapiState.SCHED
    assert irqs[0] == irqs_before + 1
    assert adapter.rx_irqs <= rx_irqs_before + 1  # ICR may have held a receive cause too; it did not interrupt
    assert adapter.watchdog_timer.expires != watchdog_before

    while not emulation.engine.wires[0].idle or adapter.napi.state & NapiState.SCHED:
        await emulation.run_for(100_000)
    assert await emulation.call(er32(adapter.hw, IMS)) == POLL_CAUSES | ICR.LSC


@cocotb.test()
async def a_frame_between_the_last_look_and_the_unmask_is_not_left_behind(dut):
    """One frame after the other at distances around the length of a session, so that some fall into the gap."""
    emulation, adapter, (frame,) = await start(dut)
    received = []
    emulation.machine.tracepoints.register("netif_receive_skb", lambda skb: received.append(skb.data))
    for sent, distance in enumerate(range(2_600, 3_600, 50), start=1):
        emulation.engine.wires[0].send([frame])
        await emulation.run_for(distance)
        emulation.engine.wires[0].send([frame])
        await emulation.run_for(20_000)
        assert received == [frame.data] * 2 * sent
        assert not adapter.napi.state & NapiState.SCHED


@cocotb.test()
async def the_filter_may_change_while_a_frame_arrives(dut):
    """A frame is taken or left as a whole, by the filter that stood when it began."""
    emulation, adapter, (ours,) = await start(dut)
    stranger = type(ours)(b"\x02\xff\xff\xff\xff\xff" + ours.data[6:])
    received = []
    emulation.machine.tracepoints.register("netif_receive_skb", lambda skb: received.append(skb.data))

    async def set_promiscuous(on):
        rctl = await er32(adapter.hw, RCTL)
        await ew32(adapter.hw, RCTL, rctl | RCTL.UPE if on else rctl & ~RCTL.UPE)

    wire = emulation.engine.wires[0]
    verdicts = []
    for delay in range(0, 800, 40):
        for on in (True, False):
            wire.send([stranger, ours])
            await emulation.run_for(delay)
            await emulation.call(set_promiscuous(on))
            await emulation.run_for(20_000)
            verdicts += wire.take_verdicts()
    assert set(verdicts) == {Verdict.KEPT, Verdict.FILTERED}
    assert len(received) == verdicts.count(Verdict.KEPT)
    assert set(received) == {ours.data, stranger.data}


def test_driver():
    run_on_board(__name__)
