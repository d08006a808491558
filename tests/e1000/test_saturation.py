"""Saturated NICs: 64 packets per poll, 320 per net_rx_action of five, 640 per softirq of one, and then ksoftirqd."""

from __future__ import annotations

from driver.kernel.cpu import Account, this_cpu
from driver.kernel.net.napi import Napi
from driver.kernel.softirq import Vector
from tests.e1000.support import Rig


class Softirqs:
    """What the softirqs of a rig did.

    Attributes:
        actions: packets of each net_rx_action.
        bursts: packets of each handle_softirqs at the end of an interrupt, before ksoftirqd first ran.
    """

    def __init__(self, rig: Rig) -> None:
        self.actions: list[int] = []
        self.bursts: list[int] = []
        self._burst = 0
        self._context: object = None
        rig.machine.tracepoints.register("softirq_entry", self._entry)
        rig.machine.tracepoints.register("napi_poll", self._poll)

    def _entry(self, vector: Vector) -> None:
        if vector is not Vector.NET_RX:
            return
        context = this_cpu().stack[-1]
        self.actions.append(0)
        if context is not self._context and context.account is Account.SOFTIRQ:
            self.bursts.append(0)
        self._context = context

    def _poll(self, _napi: Napi, work: int, _budget: int) -> None:
        self.actions[-1] += work
        if this_cpu().stack[-1].account is Account.SOFTIRQ:
            self.bursts[-1] += work


def saturated(nics: int) -> tuple[Rig, Softirqs]:
    """NICs with more than the CPU can take, for a while."""
    rig = Rig(nics=nics, count=6000 // nics, rate=5_000_000_000 // nics)
    softirqs = Softirqs(rig)
    for nic in range(nics):
        rig.send(rig.traffic(nic), nic)
    rig.run_for(700_000)  # the wire is busy for longer
    return rig, softirqs


def test_one_gets_ten_polls_of_64_and_then_ksoftirqd() -> None:
    rig, softirqs = saturated(1)
    assert softirqs.bursts[0] == 640
    assert len(softirqs.actions) > 12
    assert set(softirqs.actions[:-1]) == {64}  # the last is under way
    cpu = rig.machine.cpus[0]
    cpu.account()
    assert cpu.time[Account.KSOFTIRQD] > 0
    assert cpu.softnet.time_squeeze == 0


def test_five_trip_netdev_budget_at_320() -> None:
    rig, softirqs = saturated(5)
    assert len(softirqs.actions) > 3
    assert set(softirqs.actions[:-1]) == {320}
    assert rig.machine.cpus[0].softnet.time_squeeze == len(softirqs.actions) - 1


def test_four_do_not() -> None:
    rig, softirqs = saturated(4)
    assert len(softirqs.actions) > 3
    assert set(softirqs.actions[:-1]) == {256}
    assert rig.machine.cpus[0].softnet.time_squeeze == 0
