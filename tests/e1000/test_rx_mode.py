"""Filters, VLANs and checksum offload of the driver on the model engine: what gets through, what the stack sees."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from driver.e1000.main import E1000Ops
from driver.kernel.net.checksum import CHECKSUM_NONE, CHECKSUM_UNNECESSARY
from driver.kernel.net.if_vlan import vlan_vid_add, vlan_vid_del
from driver.kernel.net.netdev_features import NETIF_F_HW_VLAN_CTAG_FILTER, NETIF_F_HW_VLAN_CTAG_RX, NETIF_F_RXCSUM
from driver.kernel.net.netdevice import (
    NetDevice,
    NetDeviceFlags,
    dev_close,
    dev_mc_add,
    dev_mc_del,
    dev_open,
    dev_set_allmulti,
)
from emulator.engines.base import WireFrame
from tests.e1000.support import Rig

GROUPS = [bytes((1, 0, 0x5E, 0, number, number)) for number in range(20)]


class Listener:
    """A rig whose interface is not promiscuous; sends frames and tells which arrive.

    Attributes:
        skbs: packets that reached the stack.
    """

    def __init__(self) -> None:
        self.rig = Rig()
        self.dev: NetDevice = self.rig.netdevs[0]
        self.skbs: list[tuple[int, int | None]] = []
        self.dev.flags &= ~NetDeviceFlags.PROMISC
        self.rig.call(self.dev.ops.ndo_set_rx_mode(self.dev))
        self.rig.machine.tracepoints.register(
            "netif_receive_skb", lambda skb: self.skbs.append((skb.ip_summed, skb.vlan_tci))
        )

    def send(self, *packets: bytes) -> list[bytes]:
        """Frames that arrive, of these that are on the wire."""
        self.rig.delivered.clear()
        self.skbs.clear()
        self.rig.send([WireFrame(packet.ljust(60, b"\0")) for packet in packets])
        self.rig.run_for(200_000)
        return [data for _, _, data in self.rig.delivered]

    def set_features(self, features: int) -> None:
        """Ethtool -K."""
        ops = self.dev.ops
        assert isinstance(ops, E1000Ops)
        assert self.rig.call(ops.ndo_set_features(self.dev, features)) == 0
        self.dev.features = features


def packet(listener: Listener, *layers: Any) -> bytes:
    """A packet for the station."""
    header = Ether(dst=listener.dev.dev_addr.hex(":"), src="02:00:00:00:00:01")
    for layer in layers:
        header /= layer
    return bytes(header / Raw(b"x" * 30))


def test_group_addresses_pass_exactly_and_by_hash() -> None:
    listener = Listener()
    others = [bytes((1, 0, 0x5E, 0x7F, 1, number)) for number in range(100, 120)]
    assert not listener.send(*GROUPS)
    for group in GROUPS:
        listener.rig.call(dev_mc_add(listener.dev, group))
    assert [data[:6] for data in listener.send(*GROUPS, *others)] == GROUPS
    for group in GROUPS[:5]:
        listener.rig.call(dev_mc_del(listener.dev, group))
    assert [data[:6] for data in listener.send(*GROUPS)] == GROUPS[5:]
    listener.rig.call(dev_set_allmulti(listener.dev))
    assert len(listener.send(*GROUPS, *others)) == len(GROUPS) + len(others)


def test_filters_survive_closing() -> None:
    listener = Listener()
    listener.rig.call(dev_mc_add(listener.dev, GROUPS[1]))
    listener.rig.call(dev_close(listener.dev))
    listener.rig.call(dev_open(listener.dev))
    listener.rig.run_for(3_000_000_000)  # the link comes back
    assert [data[:6] for data in listener.send(*GROUPS)] == [GROUPS[1]]


def test_tags_are_stripped_and_vlans_filtered() -> None:
    listener = Listener()
    tagged = [packet(listener, Dot1Q(vlan=vlan, prio=3), IP(), UDP()) for vlan in (5, 6)]
    plain = packet(listener, IP(), UDP())
    assert listener.send(*tagged, plain) == [frame.ljust(60, b"\0") for frame in (*tagged, plain)]
    listener.set_features(NETIF_F_HW_VLAN_CTAG_RX | NETIF_F_HW_VLAN_CTAG_FILTER)
    assert listener.rig.call(vlan_vid_add(listener.dev, 6)) == 0
    assert len(listener.send(*tagged, plain)) == 2
    assert listener.skbs == [(CHECKSUM_NONE, 3 << 13 | 6), (CHECKSUM_NONE, None)]
    (stripped, _) = listener.send(tagged[1], plain)
    assert stripped == tagged[1][:12] + tagged[1][16:]
    listener.rig.call(vlan_vid_del(listener.dev, 6))
    assert len(listener.send(*tagged, plain)) == 3


@pytest.mark.parametrize("layer", [UDP, TCP])
def test_checksums_are_verified_by_the_device(layer: type) -> None:
    listener = Listener()
    good = packet(listener, IP(), layer())
    bad = good[:-1] + b"y"
    assert len(listener.send(good, bad)) == 2
    assert [summed for summed, _ in listener.skbs] == [CHECKSUM_NONE] * 2
    listener.set_features(NETIF_F_RXCSUM)
    assert len(listener.send(good, bad)) == 2, "a wrong checksum is for the stack to see"
    assert [summed for summed, _ in listener.skbs] == [CHECKSUM_UNNECESSARY, CHECKSUM_NONE]
    adapter = listener.rig.adapter
    assert (adapter.hw_csum_good, adapter.hw_csum_err) == (1, 1)
