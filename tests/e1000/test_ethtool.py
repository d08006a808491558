"""What ethtool sees of the driver, and what it changes."""

from __future__ import annotations

import pytest

from driver.e1000.hw import er32
from driver.kernel.net.ethtool import EthtoolCoalesce, EthtoolOps, EthtoolRingparam
from driver.kernel.net.netdevice import dev_close, dev_open
from hdl.nic.regmap import ITR
from tests.e1000.support import Rig


def ops(rig: Rig) -> EthtoolOps:
    assert rig.netdevs[0].ethtool_ops is not None
    return rig.netdevs[0].ethtool_ops


def coalesce(rig: Rig, **changes: int | bool) -> int:
    return rig.call(ops(rig).set_coalesce(rig.netdevs[0], EthtoolCoalesce(**changes)))  # type: ignore[arg-type]


def test_counters_have_names_that_fit() -> None:
    rig = Rig()
    counters = ops(rig).get_ethtool_stats(rig.netdevs[0])
    assert list(counters)[:4] == ["rx_packets", "tx_packets", "rx_bytes", "tx_bytes"]
    assert all(len(name) <= 31 for name in counters)


def test_ring_lengths() -> None:
    rig = Rig(ring=512)
    assert ops(rig).get_ringparam(rig.netdevs[0]) == EthtoolRingparam(
        rx_max_pending=4096, tx_max_pending=4096, rx_pending=512, tx_pending=256
    )


def test_nothing_is_moderated_unless_somebody_says_so() -> None:
    rig = Rig()
    expected = EthtoolCoalesce(rx_coalesce_usecs=0, use_adaptive_rx_coalesce=False)
    assert ops(rig).get_coalesce(rig.netdevs[0]) == expected
    assert rig.call(er32(rig.adapter.hw, ITR)) == 0


def test_rx_usecs_go_to_itr_and_survive_down_and_up() -> None:
    rig = Rig()
    assert coalesce(rig, rx_coalesce_usecs=100) == 0
    assert rig.call(er32(rig.adapter.hw, ITR)) == 391  # 256 ns each, rounded up
    rig.call(dev_close(rig.netdevs[0]))
    assert rig.call(er32(rig.adapter.hw, ITR)) == 0
    assert coalesce(rig, rx_coalesce_usecs=50) == 0
    rig.call(dev_open(rig.netdevs[0]))
    assert rig.call(er32(rig.adapter.hw, ITR)) == 196
    assert ops(rig).get_coalesce(rig.netdevs[0]).rx_coalesce_usecs == 50


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"tx_coalesce_usecs": 5}, -95),
        ({"rx_max_coalesced_frames": 5}, -95),
        ({"rx_coalesce_usecs": 10_001}, -22),
        ({"rx_coalesce_usecs": -1}, -22),
        ({"rx_coalesce_usecs": 10_001, "use_adaptive_rx_coalesce": True}, -22),
    ],
)
def test_what_the_device_cannot_do_is_refused_and_changes_nothing(change: dict[str, int], error: int) -> None:
    rig = Rig()
    coalesce(rig, rx_coalesce_usecs=7)
    before = ops(rig).get_coalesce(rig.netdevs[0])
    assert coalesce(rig, **change) == error
    assert ops(rig).get_coalesce(rig.netdevs[0]) == before


def test_dim_needs_napi() -> None:
    rig = Rig(mode="irq")
    assert coalesce(rig, use_adaptive_rx_coalesce=True) == -95
