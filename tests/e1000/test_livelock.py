"""Receive livelock: how much an overloaded machine still delivers, with an interrupt per packet and with NAPI.

The machine is that of the time (router2002). Let I be the cost of a packet at interrupt level and P the rest.
Interrupts always win, so of k times the capacity 1/(I+P) there is delivered capacity x (1 - (k-1) I/P), and nothing
from k = 1 + P/I on.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from driver.kernel.cpu import Account
from driver.kernel.sched import Task
from emulator.cost_profiles import load_costs
from tests.e1000.support import Rig
from tests.kernel.test_sched import hog

COSTS = load_costs("router2002")

#: Until the backlog is full, or ksoftirqd has taken over; and how long is looked after that.
WARM_UP_NS, WINDOW_NS = 40_000_000, 20_000_000


class Seen(NamedTuple):
    """What was measured in the window, and the thread that wants all that is left of the CPU, if there is one."""

    pps: float
    interrupts: int
    cpu_ns: list[int]
    user_ns: int


def measure(mode: str, pps: int, *, user: bool = False) -> Seen:
    """Offer so many packets per second of 60 bytes for a while, and look at the end of it."""
    rig = Rig(mode=mode, pps=pps, count=(WARM_UP_NS + WINDOW_NS) * pps // 10**9, costs="router2002")
    cpu = rig.machine.cpus[0]
    task: Task | None = rig.machine.kthread_run(hog(), "hog") if user else None
    rig.send(rig.traffic())
    rig.run_for(WARM_UP_NS)
    cpu.account()
    before, delivered, interrupts = list(cpu.time), len(rig.delivered), rig.adapter.rx_irqs
    ran = task.sum_exec_runtime if task else 0
    rig.run_for(WINDOW_NS)
    cpu.account()
    return Seen(
        pps=(len(rig.delivered) - delivered) * 10**9 / WINDOW_NS,
        interrupts=rig.adapter.rx_irqs - interrupts,
        cpu_ns=[late - early for early, late in zip(before, cpu.time, strict=True)],
        user_ns=task.sum_exec_runtime - ran if task else 0,
    )


@pytest.fixture(scope="module")
def interrupt_ns() -> float:
    """I, as an unloaded machine shows it."""
    seen = measure("irq", 50_000)
    return seen.cpu_ns[Account.HARDIRQ] / seen.interrupts


#: P: a packet's work in the softirq, and its share of what a full poll of the backlog costs.
STACK_NS = (
    COSTS.process_backlog + COSTS.netif_receive_skb + (COSTS.softirq + COSTS.net_rx_action + COSTS.napi_poll) / 64
)


@pytest.mark.parametrize("k", [1.0, 1.3, *(pytest.param(k, marks=pytest.mark.slow) for k in (1.1, 1.2, 1.4, 1.5, 1.6))])
def test_each_packet_more_costs_deliveries(k: float, interrupt_ns: float) -> None:
    capacity = 10**9 / (interrupt_ns + STACK_NS)
    law = capacity * (1 - (k - 1) * interrupt_ns / STACK_NS)
    assert measure("irq", round(k * capacity)).pps == pytest.approx(law, rel=0.1)


@pytest.mark.parametrize("beyond", [0.01, *(pytest.param(beyond, marks=pytest.mark.slow) for beyond in (0.1, 1.0))])
def test_beyond_the_limit_nothing_is_delivered(beyond: float, interrupt_ns: float) -> None:
    capacity = 10**9 / (interrupt_ns + STACK_NS)
    seen = measure("irq", round((1 + STACK_NS / interrupt_ns + beyond) * capacity))
    assert seen.pps <= 0.01 * capacity
    assert seen.cpu_ns[Account.HARDIRQ] >= 0.99 * WINDOW_NS


@pytest.mark.slow
def test_napi_keeps_its_peak_whatever_is_offered() -> None:
    capacity = measure("napi", 1_000_000).pps
    rates = [measure("napi", round(k * capacity)).pps for k in (1, 1.25, 1.5, 2, 3, 4)]
    assert min(rates) >= 0.95 * max(rates)
    assert max(rates) >= 0.95 * 10**9 / (COSTS.rx_packet + COSTS.skb_alloc + COSTS.netif_receive_skb)


@pytest.mark.slow
def test_a_user_thread_keeps_its_share_under_napi_and_none_without() -> None:
    capacity = measure("napi", 1_000_000).pps
    for k in (1.5, 4):
        seen = measure("napi", round(k * capacity), user=True)
        assert seen.user_ns == pytest.approx(WINDOW_NS / 2, rel=0.1)
        assert seen.pps == pytest.approx(capacity / 2, rel=0.1)
    assert measure("irq", 350_000, user=True).user_ns == 0
