"""The interrupt handlers and the poll: who masks what and when, and that no packet is left behind."""

from __future__ import annotations

import pytest

from driver.e1000 import interrupt
from driver.e1000.adapter import POLL_CAUSES, Adapter
from driver.e1000.hw import er32, ew32
from driver.kernel.irq import IrqReturn
from driver.kernel.net.napi import Napi, NapiState, PollFunction, napi_complete_done
from emulator.engines.base import WireFrame
from emulator.rule_checks import UNCHECKED
from emulator.wire_timing import PS_PER_NS
from hdl.nic.regmap import ICR, ICS, IMS
from tests.e1000.support import Rig


def test_one_frame_is_one_interrupt_one_poll_and_an_unmask() -> None:
    rig = Rig()
    napi = rig.adapter.napi
    polls, irqs = napi.polls, rig.adapter.rx_irqs
    rig.send(rig.traffic())
    rig.run_for(100_000)
    assert [data for _, _, data in rig.delivered] == [frame.data for frame in rig.traffic()]
    assert (napi.polls - polls, rig.adapter.rx_irqs - irqs, napi.completed) == (1, 1, 1)
    assert rig.call(er32(rig.adapter.hw, IMS)) == POLL_CAUSES | ICR.LSC
    assert not napi.state & NapiState.SCHED


def test_receive_causes_are_masked_while_polling_and_link_changes_are_not() -> None:
    rig = Rig(count=4000, costs="router2002")
    rig.send(rig.traffic())
    rig.run_for(500_000)
    rx_irqs = rig.adapter.rx_irqs
    assert rig.adapter.napi.state & NapiState.SCHED
    irqs_before = rig.machine.irqs.desc(rig.adapter.pdev.irq).counts[0]

    async def link_change() -> int:
        mask = await er32(rig.adapter.hw, IMS)
        await ew32(rig.adapter.hw, ICS, ICR.LSC)
        return mask

    mask = rig.call(link_change())
    rig.run_for(50_000)
    assert mask == ICR.LSC | ICR.TXDW
    assert rig.adapter.napi.state & NapiState.SCHED  # all this happened while it was polled
    assert rig.machine.irqs.desc(rig.adapter.pdev.irq).counts[0] == irqs_before + 1
    assert rig.adapter.watchdog_timer.expires is not None
    assert rig.adapter.rx_irqs == rx_irqs
    rig.run_for(20_000_000)
    assert rig.engine.wires[0].idle
    assert not rig.adapter.napi.state & NapiState.SCHED
    assert rig.call(er32(rig.adapter.hw, IMS)) == POLL_CAUSES | ICR.LSC


def test_an_interrupt_that_is_not_ours_is_handed_back() -> None:
    rig = Rig()
    assert rig.call(interrupt.e1000_intr(rig.adapter.pdev.irq, rig.adapter)) is IrqReturn.NONE


def test_an_interrupt_during_the_poll_makes_it_poll_again() -> None:
    """A link interrupt clears a receive cause that came after the last look at the ring: MISSED saves the frame."""
    rig = Rig(count=2, pps=100_000, costs="router2002")
    first, second = rig.traffic()
    looks = []

    async def complete_after_a_frame_and_a_link_change(napi: Napi, work_done: int) -> bool:
        looks.append(work_done)
        if len(looks) == 1:
            rig.send([second])
            while not rig.adapter.rx_ring.done():
                await er32(rig.adapter.hw, IMS)
            await ew32(rig.adapter.hw, ICS, ICR.LSC)
            await er32(rig.adapter.hw, IMS)  # the interrupt comes when this read is over, and reads ICR
        return await napi_complete_done(napi, work_done)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interrupt, "napi_complete_done", complete_after_a_frame_and_a_link_change)
        rig.send([first])
        rig.run_for(200_000)
    assert looks == [1, 1]
    assert len(rig.delivered) == 2


def test_without_napi_each_frame_is_an_interrupt() -> None:
    rig = Rig(mode="irq", count=50, pps=20_000)
    rig.send(rig.traffic())
    rig.run_for(4_000_000)
    assert [data for _, _, data in rig.delivered] == [frame.data for frame in rig.traffic()]
    assert rig.adapter.rx_irqs == 50


def test_without_napi_frames_that_share_a_cause_are_still_an_interrupt_each() -> None:
    rig = Rig(mode="irq", count=20)  # at line rate: several arrive while one interrupt is handled
    rig.send(rig.traffic())
    rig.run_for(1_000_000)
    assert [data for _, _, data in rig.delivered] == [frame.data for frame in rig.traffic()]
    assert rig.adapter.rx_irqs >= 20


# --- the same races with the fix taken out --------------------------------------------------------------------------


#: From one frame to the next: a session takes about 7.6 us, so some arrive around its end.
DISTANCES_NS = range(1000, 9000, 50)


async def clean_that_acknowledges_too_late(napi: Napi, budget: int) -> int:
    """A poll that clears causes after its last look at the ring."""
    assert napi.dev is not None
    adapter: Adapter = napi.dev.priv
    work_done = await interrupt.e1000_clean_rx_irq(adapter, budget, napi, adapter.rx_ring)
    if work_done == budget:
        return budget
    await er32(adapter.hw, ICR)  # acknowledges a frame that came since
    if await napi_complete_done(napi, work_done):
        await ew32(adapter.hw, IMS, POLL_CAUSES)
    return work_done


async def clean_that_forgets_to_unmask(napi: Napi, budget: int) -> int:
    """A poll that completes and leaves the interrupt masked."""
    assert napi.dev is not None
    adapter: Adapter = napi.dev.priv
    work_done = await interrupt.e1000_clean_rx_irq(adapter, budget, napi, adapter.rx_ring)
    if work_done < budget:
        await napi_complete_done(napi, work_done)
    return work_done


async def clean_that_forgets_to_complete(napi: Napi, budget: int) -> int:
    """A poll that unmasks and keeps the instance."""
    assert napi.dev is not None
    adapter: Adapter = napi.dev.priv
    work_done = await interrupt.e1000_clean_rx_irq(adapter, budget, napi, adapter.rx_ring)
    if work_done < budget:
        await ew32(adapter.hw, IMS, POLL_CAUSES)
    return work_done


@pytest.mark.parametrize(
    "poll", [clean_that_acknowledges_too_late, clean_that_forgets_to_unmask, clean_that_forgets_to_complete]
)
def test_a_wrong_poll_strands_frames(poll: PollFunction) -> None:
    """Frames at all distances from each other: one of them falls between the last look at the ring and the unmask."""
    rig = Rig(costs="router2002", rule=(UNCHECKED,))
    rig.adapter.napi.poll = poll
    (frame,) = rig.traffic()
    sent = 0
    for distance in DISTANCES_NS:
        rig.send([frame, WireFrame(frame.data, distance * PS_PER_NS)])
        sent += 2
        rig.run_for(50_000)
        if len(rig.delivered) < sent:
            return
    pytest.fail("no frame was stranded")


def test_the_right_poll_strands_none() -> None:
    rig = Rig(costs="router2002")
    (frame,) = rig.traffic()
    for sent, distance in enumerate(DISTANCES_NS, start=1):
        rig.send([frame, WireFrame(frame.data, distance * PS_PER_NS)])
        rig.run_for(50_000)
        assert len(rig.delivered) == 2 * sent
