"""The transmit queue of a packet: one for each flow, all of them used, or as the driver says."""

from __future__ import annotations

from typing import Any, cast

from driver.kernel.net.netdevice import NetDevice, netif_set_real_num_tx_queues
from driver.kernel.net.pick_tx import netdev_core_pick_tx
from driver.kernel.net.skbuff import alloc_skb
from tests.kernel.support import Computer


class _Ops:
    def ndo_select_queue(self, _dev: NetDevice, _skb: object) -> int:
        return 2


def _picked(dev: NetDevice, port: int) -> int:
    udp = bytes(12) + b"\x08\x00\x45" + bytes(8) + b"\x11\0\0" + bytes(8) + port.to_bytes(2) + bytes(26)
    skb = alloc_skb(udp, dev)
    assert skb is not None
    queue = netdev_core_pick_tx(dev, skb)
    assert skb.queue_mapping == queue.index
    return queue.index


def test_flows_spread_over_all_queues_and_keep_to_theirs() -> None:
    dev = NetDevice(Computer().machine, "", cast(Any, None), None)
    assert {_picked(dev, port) for port in range(64)} == {0}
    netif_set_real_num_tx_queues(dev, 3)
    picked = [_picked(dev, port) for port in range(64)]
    assert set(picked) == {0, 1, 2}
    assert picked == [_picked(dev, port) for port in range(64)]


def test_a_driver_may_choose() -> None:
    dev = NetDevice(Computer().machine, "", cast(Any, _Ops()), None)
    netif_set_real_num_tx_queues(dev, 4)
    assert {_picked(dev, port) for port in range(8)} == {2}
