"""Interrupt moderation under traffic: ITR by hand, and DIM finding its way."""

from __future__ import annotations

from typing import Any

from driver.kernel.lib.dim import DimTuneState
from driver.kernel.net.ethtool import EthtoolCoalesce
from tests.e1000.support import Rig


def coalesce(rig: Rig, change: EthtoolCoalesce) -> None:
    ethtool = rig.netdevs[0].ethtool_ops
    assert ethtool is not None
    assert rig.call(ethtool.set_coalesce(rig.netdevs[0], change)) == 0


def interrupts(change: EthtoolCoalesce, **options: Any) -> tuple[Rig, int]:
    """A run under a steady load; returns the interrupts that it took."""
    rig = Rig(**options)
    coalesce(rig, change)
    before = rig.adapter.rx_irqs
    rig.send(rig.traffic())
    while not rig.engine.wires[0].idle:
        rig.run_for(1_000_000)
    rig.run_for(1_000_000)  # the last interrupt may be held back
    assert len(rig.delivered) == options["count"]
    return rig, rig.adapter.rx_irqs - before


def test_itr_divides_the_interrupts() -> None:
    _, free = interrupts(EthtoolCoalesce(), count=2_000, pps=200_000)
    _, throttled = interrupts(EthtoolCoalesce(rx_coalesce_usecs=100), count=2_000, pps=200_000)
    assert free == 2_000
    assert 95 <= throttled <= 105  # 10 ms


def test_dim_moderates_steady_traffic_more_and_more_and_parks() -> None:
    rig, taken = interrupts(EthtoolCoalesce(use_adaptive_rx_coalesce=True), count=15_000, pps=250_000)
    adapter = rig.adapter
    assert adapter.dim is not None
    assert adapter.dim.tune_state is DimTuneState.PARKING_ON_TOP
    assert adapter.dim.profile_ix == 4
    assert (adapter.rx_usecs, adapter.itr) == (256, 1000)
    assert taken < 2_000
    assert (adapter.total_rx_packets, adapter.total_rx_bytes) == (15_000, 15_000 * 60)

    # Switching it off keeps the time unless another is given.
    coalesce(rig, EthtoolCoalesce(use_adaptive_rx_coalesce=False))
    assert rig.adapter.dim is None
    assert adapter.rx_usecs == 256
    coalesce(rig, EthtoolCoalesce(rx_coalesce_usecs=3))
    assert adapter.rx_usecs == 3


def test_work_of_dim_that_comes_after_it_was_switched_off_changes_nothing() -> None:
    rig = Rig()
    coalesce(rig, EthtoolCoalesce(use_adaptive_rx_coalesce=True))
    dim = rig.adapter.dim
    assert dim is not None
    coalesce(rig, EthtoolCoalesce(use_adaptive_rx_coalesce=False, rx_coalesce_usecs=5))
    rig.call(dim.work(dim))
    assert rig.adapter.rx_usecs == 5
