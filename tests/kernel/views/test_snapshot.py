"""A snapshot is what the kernel counted, and taking one changes nothing."""

from __future__ import annotations

from driver.kernel.net.netdevice import dev_close
from driver.kernel.softirq import Vector
from driver.kernel.views.snapshot import take_snapshot
from tests.e1000.support import Rig


def test_counters_of_a_run() -> None:
    rig = Rig(count=50, nics=2)
    for nic in range(2):
        rig.send(rig.traffic(nic), nic)
    rig.run_for(2_000_000)
    snapshot = take_snapshot(rig.machine)
    assert snapshot.cpus == (0,)
    assert [(line.irq, line.actions) for line in snapshot.irqs] == [(16, ("eth0",)), (17, ("eth1",))]
    assert all(0 < line.counts[0] <= 52 for line in snapshot.irqs)
    assert snapshot.softirqs[Vector.NET_RX][0] >= 1
    assert snapshot.softirqs[Vector.NET_TX] == (0,)
    assert snapshot.softnet[0].processed == 100
    assert [(napi.id, napi.ifindex, napi.irq) for napi in snapshot.napis] == [(65, 2, 16), (66, 3, 17)]
    assert [interface.name for interface in snapshot.interfaces] == ["eth0", "eth1"]
    assert snapshot.local_timer[0] >= 1
    assert take_snapshot(rig.machine) == snapshot


def test_interfaces_that_are_down_have_neither_interrupts_nor_instances() -> None:
    rig = Rig(count=50)
    rig.send(rig.traffic())
    rig.run_for(1_000_000)
    rig.call(dev_close(rig.netdevs[0]))
    snapshot = take_snapshot(rig.machine)
    assert not snapshot.irqs
    assert not snapshot.napis
    assert snapshot.interfaces[0].statistics["rx_packets"] == 50
