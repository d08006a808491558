"""The driver breaks no rule, in any mode; and that the checker sees what it does."""

from __future__ import annotations

from typing import Any

import pytest

from driver.e1000 import interrupt, up_down
from driver.e1000.hw import er32, ew32
from driver.e1000.main import e1000_remove
from driver.kernel.io import Iomem
from driver.kernel.irq import IrqReturn
from driver.kernel.net.netdev_features import NETIF_F_GRO
from driver.kernel.net.netdevice import dev_close, dev_open
from driver.kernel.pci import device_release_driver
from driver.kernel.timer import usleep_range
from emulator.engines.base import WireFrame
from hdl.nic.regmap import ICR, ICS, RCTL, Register
from tests.e1000.support import Rig
from tests.e1000.test_tx_ring import Sender


def finish(rig: Rig) -> None:
    """Unload the driver."""
    for adapter in rig.adapters:
        rig.call(e1000_remove(adapter.netdev))
        device_release_driver(adapter.pdev)


@pytest.mark.parametrize("costs", ["modern", "router2002"])
@pytest.mark.parametrize(
    "options",
    [
        {"mode": "napi"},
        {"mode": "irq"},
        {"mode": "napi", "generate": (1514,), "ring": 64},
        {"mode": "napi", "nics": 3},
        {"mode": "napi", "pps": 20_000},
        {"mode": "irq", "pps": 20_000},
    ],
)
def test_the_driver_breaks_no_rule(options: dict[str, Any], costs: str) -> None:
    rig = Rig(costs=costs, count=600, **options)
    for nic in range(rig.scenario.nics):
        rig.send(rig.traffic(nic), nic)
    rig.run_for(40_000_000)
    assert len(rig.delivered) > 250
    finish(rig)
    assert not rig.checker.violations


def test_it_breaks_none_with_gro_and_with_frames_of_several_buffers_and_bad_ones() -> None:
    rig = Rig(count=500, pps=50_000)
    rig.netdevs[0].features |= NETIF_F_GRO
    hw = rig.adapter.hw
    rig.call(ew32(hw, RCTL, rig.call(er32(hw, RCTL)) | RCTL.LPE | RCTL.SBP))
    good = rig.traffic()
    long = WireFrame(good[0].data + bytes(3000))
    rig.send([*good, WireFrame(good[0].data, bad_fcs=True), long, *good])
    rig.run_for(20_000_000)
    assert len(rig.delivered) == 1000
    assert rig.adapter.rx_dropped == 2
    for _ in range(2):
        rig.call(dev_close(rig.netdevs[0]))
        rig.call(dev_open(rig.netdevs[0]))
    rig.send(good)
    rig.run_for(20_000_000)
    assert len(rig.delivered) == 1500
    finish(rig)
    assert not rig.checker.violations


def test_it_breaks_none_when_memory_runs_out() -> None:
    rig = Rig(ring=64, count=200, pps=100_000)
    frags = rig.machine.frags
    alloc, frags.alloc = frags.alloc, lambda: 0  # type: ignore[method-assign]
    rig.send(rig.traffic())
    rig.run_for(3_000_000)
    assert rig.adapter.alloc_rx_buff_failed
    frags.alloc = alloc  # type: ignore[method-assign]
    rig.run_for(2_100_000_000)
    assert len(rig.delivered) == 200
    finish(rig)


def test_it_breaks_none_when_closed_under_traffic() -> None:
    rig = Rig(count=20_000, costs="router2002")
    rig.send(rig.traffic())
    rig.run_for(1_000_000)
    finish(rig)
    rig.run_for(1_000_000)
    assert not rig.checker.violations


@pytest.mark.parametrize("mode", ["napi", "irq"])
def test_a_frame_that_comes_before_stale_causes_are_cleared_is_seen(mode: str) -> None:
    rig = Rig(mode=mode)
    rig.call(dev_close(rig.netdevs[0]))

    async def read_late(hw: Iomem, register: type[Register]) -> int:
        if register is ICR:
            await usleep_range(10, 20)
        return await er32(hw, register)

    rig.send([WireFrame(frame.data, 8_000_000) for frame in rig.traffic()])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(up_down, "er32", read_late)
        rig.call(dev_open(rig.netdevs[0]))
    rig.run_for(100_000)
    assert len(rig.delivered) == 1
    finish(rig)
    assert not rig.checker.violations


def test_a_device_that_is_gone_is_left_alone() -> None:
    rig = Rig()
    (port,) = rig.engine._ports
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(port.nic), "read", lambda _nic, _offset: 0xFFFF_FFFF)
        polls = rig.adapter.napi.polls
        assert rig.call(interrupt.e1000_intr(rig.adapter.pdev.irq, rig.adapter)) is IrqReturn.NONE
        rig.machine.set_irq_level(0, level=True)
        rig.run_for(5_000)
        rig.machine.set_irq_level(0, level=False)
        rig.run_for(5_000)
    assert rig.adapter.napi.polls == polls
    assert rig.machine.irqs.desc(rig.adapter.pdev.irq).irqs_unhandled
    assert not rig.checker.violations


@pytest.mark.parametrize("mode", ["napi", "irq"])
def test_it_breaks_none_when_the_link_changes_while_it_receives(mode: str) -> None:
    rig = Rig(mode=mode, count=3000, costs="router2002")
    rig.send(rig.traffic())
    for _ in range(40):
        rig.run_for(130_000)
        rig.call(ew32(rig.adapter.hw, ICS, ICR.LSC))
    rig.run_for(120_000_000)
    assert len(rig.delivered) > 500
    finish(rig)
    assert not rig.checker.violations


@pytest.mark.parametrize("mode", ["napi", "irq"])
def test_it_breaks_none_when_opened_and_closed_under_traffic(mode: str) -> None:
    rig = Rig(mode=mode, count=20_000, pps=400_000)
    rig.send(rig.traffic())
    for pause in range(20):
        rig.run_for(20_000 * pause)
        rig.call(dev_close(rig.netdevs[0]))
        rig.call(dev_open(rig.netdevs[0]))
    rig.run_for(60_000_000)
    assert rig.engine.wires[0].idle
    assert len(rig.delivered) > 500
    finish(rig)
    assert not rig.checker.violations


@pytest.mark.parametrize("mode", ["napi", "irq"])
def test_it_breaks_none_when_it_sends_and_receives(mode: str) -> None:
    rig = Sender(mode=mode, count=300)
    rig.send(rig.traffic())
    rig.call(rig.transmit(400))
    rig.run_for(10_000_000)
    assert len(rig.sent) == 400
    rig.call(rig.transmit(20))
    finish(rig)
    assert not rig.checker.violations


def test_a_packet_that_cannot_be_mapped_is_dropped_and_counted() -> None:
    rig = Sender()
    in_use = rig.machine.frags.in_use
    rig.adapter.pdev.dma_mask = 0
    rig.call(rig.transmit(3))
    rig.adapter.pdev.dma_mask = (1 << 64) - 1
    assert rig.adapter.tx_dropped == 3
    assert rig.machine.frags.in_use == in_use
    rig.call(rig.transmit(2))
    rig.run_for(1_000_000)
    assert rig.numbers == [0, 1]
    finish(rig)
    assert not rig.checker.violations
