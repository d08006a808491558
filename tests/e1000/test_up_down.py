"""Resets: after a transmit timeout, and when the link goes with packets on the ring."""

from __future__ import annotations

import pytest

from driver.e1000.hw import er32
from driver.e1000.up_down import e1000_reset_task
from driver.kernel.net.netdevice import dev_close, netif_carrier_ok
from driver.kernel.timer import NSEC_PER_SEC
from hdl.nic.regmap import RCTL, TCTL
from tests.e1000.test_tx_ring import Sender


def test_a_transmitter_that_hangs_is_reset_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    rig = Sender(count=20)
    rig.engine.mmio_write(0, TCTL.offset, 0)  # behind the driver's back
    rig.call(rig.transmit(900))
    assert rig.netdevs[0].tx_queues[0].state
    rig.run_for(11 * NSEC_PER_SEC)
    assert rig.adapter.tx_timeout_count == 1
    assert "NETDEV WATCHDOG: CPU: 0: transmit queue 0 timed out" in caplog.text
    dropped = rig.adapter.tx_dropped
    assert dropped >= 1
    qdisc = rig.netdevs[0].tx_queues[0].qdisc
    assert rig.numbers == list(range(dropped + qdisc.purged, 900))
    rig.sent.clear()
    rig.call(rig.transmit(50))
    rig.send(rig.traffic())
    rig.run_for(1_000_000)
    assert rig.numbers == list(range(50))
    assert len(rig.delivered) == 20
    rig.call(dev_close(rig.netdevs[0]))
    assert rig.machine.frags.in_use == 0


def test_packets_on_the_ring_of_a_link_that_went_are_freed() -> None:
    rig = Sender()
    rig.engine.mmio_write(0, TCTL.offset, 0)
    rig.call(rig.transmit(5))
    rig.engine.wires[0].plug(False)
    rig.run_for(50_000_000)
    assert rig.adapter.tx_timeout_count == 1
    assert rig.adapter.tx_ring.unused == rig.adapter.tx_ring.count - 1
    assert not netif_carrier_ok(rig.netdevs[0])
    rig.engine.wires[0].plug(True)
    rig.run_for(20_000_000)
    assert netif_carrier_ok(rig.netdevs[0])
    rig.call(rig.transmit(3))
    rig.run_for(1_000_000)
    assert len(rig.sent) == 3


def test_a_reset_that_comes_too_late_leaves_the_interface_down() -> None:
    rig = Sender()
    rig.call(dev_close(rig.netdevs[0]))
    rig.call(e1000_reset_task(rig.adapter))
    assert rig.adapter.down
    assert not rig.call(er32(rig.adapter.hw, RCTL)) & RCTL.EN
    assert rig.machine.frags.in_use == 0


def test_closing_during_a_reset_waits_for_it() -> None:
    rig = Sender()
    rig.adapter.resetting = True
    closed: list[int] = []

    async def close() -> None:
        await dev_close(rig.netdevs[0])
        closed.append(rig.machine.now)

    rig.machine.kthread_run(close(), "ip")
    rig.run_for(5_000_000)
    assert not closed
    rig.adapter.resetting = False
    rig.run_for(5_000_000)
    assert closed
