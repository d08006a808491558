"""Transmit offloads of the driver on the model engine: what leaves is the same whoever does the work, and is right."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from driver.kernel.net.checksum import CHECKSUM_PARTIAL, ones_sum
from driver.kernel.net.hard_start_xmit import NET_XMIT_SUCCESS
from driver.kernel.net.ipv4.iphdr import pseudo_header
from driver.kernel.net.netdevice import dev_close, dev_open
from driver.kernel.net.skbuff import SkbGso, SkBuff, alloc_skb, alloc_skb_with_frags, skb_shinfo
from driver.kernel.net.xmit import dev_queue_xmit
from driver.kernel.settings import SettingError, write_setting
from emulator.engines.base import SentFrame
from hdl.nic.regmap import TSCTC, TSCTFC
from tests.e1000.support import Rig

CSUM, SG, TSO, VLAN = "tx-checksum-ip-generic", "tx-scatter-gather", "tx-tcp-segmentation", "tx-vlan-hw-insert"
HEADERS = 54


class Sender(Rig):
    """A rig whose NIC sends, with some features on.

    Attributes:
        sent: frames that left.
    """

    def __init__(self, *features: str, **options: Any) -> None:
        super().__init__(**options)
        self.sent: list[SentFrame] = []
        self.engine.wires[0].listen(self.sent.append)
        for feature in features:
            self.call(write_setting(self.machine, f"features-set/eth0/{feature}", "on"))

    def transmit(self, *skbs: SkBuff | None) -> list[bytes]:
        """Send packets; returns the frames that left. Nothing is left behind."""

        async def send() -> None:
            for skb in skbs:
                assert skb is not None
                assert await dev_queue_xmit(skb) == NET_XMIT_SUCCESS

        before = len(self.sent)
        self.call(send())
        self.run_for(3_000_000)
        ring = self.adapter.tx_ring
        assert ring.unused == ring.count - 1
        assert not any(buffer.skb or buffer.length for buffer in ring.buffers)
        return [frame.data for frame in self.sent[before:]]

    def udp(self, packet: Ether) -> SkBuff | None:
        """A datagram whose checksum is left to somebody."""
        raw = bytearray(bytes(packet))
        raw[40:42] = ones_sum(pseudo_header(17, bytes(raw[26:30]), bytes(raw[30:34]), len(raw) - 34)).to_bytes(2, "big")
        skb = alloc_skb(bytes(raw), self.netdevs[0])
        if skb is not None:
            skb.ip_summed, skb.csum_start, skb.csum_offset = CHECKSUM_PARTIAL, 34, 6
        return skb

    def tcp(self, packet: Ether, mss: int, linear: int = HEADERS) -> SkBuff | None:
        """A packet of TCP that is to leave in segments; only its headers, or more, are in the skb itself."""
        raw = bytes(packet)
        skb = alloc_skb_with_frags(raw, linear, self.netdevs[0])
        if skb is not None:
            shinfo = skb_shinfo(skb)
            shinfo.gso_size, shinfo.gso_type = mss, SkbGso.TCPV4
            shinfo.gso_segs = -(-(len(raw) - HEADERS) // mss)
            skb.ip_summed, skb.csum_start, skb.csum_offset = CHECKSUM_PARTIAL, 34, 16
        return skb


def datagram(length: int) -> Ether:
    packet = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01") / IP(src="10.0.0.1", dst="10.0.0.2")
    return Ether(bytes(packet / UDP(sport=7, dport=9) / Raw(bytes(index & 255 for index in range(length)))))


def stream(length: int) -> Ether:
    packet = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01") / IP(src="10.0.0.1", dst="10.0.0.2", id=0xFFF0)
    payload = Raw(bytes((index * 7) & 255 for index in range(length)))
    return Ether(bytes(packet / TCP(sport=1, dport=2, seq=0xFFFFF000, ack=5, flags="PA") / payload))


def segments(packet: Ether, mss: int) -> list[bytes]:
    """What must leave, by scapy."""
    payload = bytes(packet[TCP].payload)
    frames = []
    for number, at in enumerate(range(0, len(payload), mss)):
        copy = Ether(bytes(packet))
        copy[IP].id = (copy[IP].id + number) & 0xFFFF
        copy[TCP].seq = (copy[TCP].seq + at) & 0xFFFFFFFF
        copy[TCP].flags = "PA" if at + mss >= len(payload) else "A"
        del copy[IP].len, copy[IP].chksum, copy[TCP].chksum
        copy[TCP].remove_payload()
        frames.append(bytes(copy / Raw(payload[at : at + mss])))
    return frames


@pytest.mark.parametrize("features", [(), (CSUM,), (CSUM, SG, TSO, VLAN)])
def test_a_checksum_is_made_by_the_device_or_the_kernel(features: tuple[str, ...]) -> None:
    rig = Sender(*features)
    packets = [datagram(length) for length in (18, 19, 1400)]
    assert rig.transmit(*(rig.udp(packet) for packet in packets)) == [bytes(packet) for packet in packets]


@pytest.mark.parametrize("features", [(), (CSUM,), (CSUM, SG), (CSUM, SG, TSO), (CSUM, SG, TSO, VLAN)])
@pytest.mark.parametrize("linear", [HEADERS, 1000])
def test_segments_are_the_same_whoever_makes_them(features: tuple[str, ...], linear: int) -> None:
    rig = Sender(*features)
    packet = stream(30_000)
    assert rig.transmit(rig.tcp(packet, 1448, linear)) == segments(packet, 1448)
    read = rig.engine._ports[0].nic.read
    assert (read(TSCTC.offset), read(TSCTFC.offset)) == (int(TSO in features), 0)


@pytest.mark.parametrize("features", [(), (VLAN,), (CSUM, SG, TSO), (CSUM, SG, TSO, VLAN)])
def test_tags_are_inserted_by_the_device_or_the_kernel(features: tuple[str, ...]) -> None:
    """Those of segments only by the device: the kernel's way would take more than a buffer, and drops them."""
    rig = Sender(*features)
    packet = datagram(100)
    skb = rig.udp(packet)
    assert skb is not None
    skb.vlan_tci = 0x6064
    tagged = Ether(src=packet.src, dst=packet.dst) / Dot1Q(prio=3, vlan=0x64) / packet[IP]
    assert rig.transmit(skb) == [bytes(tagged)]


def test_a_tagged_packet_is_segmented_by_the_device() -> None:
    rig = Sender(CSUM, SG, TSO, VLAN)
    packet = stream(5000)
    skb = rig.tcp(packet, 1000)
    assert skb is not None
    skb.vlan_tci = 7
    expected = [data[:12] + b"\x81\x00\x00\x07" + data[12:] for data in segments(packet, 1000)]
    assert rig.transmit(skb) == expected


def test_many_segmented_packets_fill_the_ring_and_all_leave() -> None:
    rig = Sender(CSUM, SG, TSO)
    dql = rig.netdevs[0].tx_queues[0].dql
    dql.min_limit = 1 << 22
    dql.reset(0)
    packet = stream(20_000)
    expected = segments(packet, 1448) * 40
    before = rig.machine.frags.in_use

    async def send() -> None:
        for _ in range(40):
            skb = rig.tcp(packet, 1448)
            assert skb is not None
            await dev_queue_xmit(skb)

    rig.call(send())
    rig.run_for(20_000_000)
    assert [frame.data for frame in rig.sent] == expected
    assert rig.adapter.restart_queue
    assert rig.machine.frags.in_use == before


def test_tags_are_inserted_after_down_and_up() -> None:
    rig = Sender(VLAN)
    rig.call(dev_close(rig.netdevs[0]))
    rig.call(dev_open(rig.netdevs[0]))
    rig.run_for(1_000_000)
    skb = alloc_skb(bytes(60), rig.netdevs[0])
    assert skb is not None
    skb.vlan_tci = 5
    assert rig.transmit(skb) == [bytes(12) + b"\x81\x00\x00\x05" + bytes(48)]


def test_segmentation_needs_fragments_and_checksums() -> None:
    rig = Sender(CSUM)
    with pytest.raises(SettingError, match="switch on first"):
        rig.call(write_setting(rig.machine, f"features-set/eth0/{TSO}", "on"))


def test_what_the_kernel_cannot_do_for_want_of_memory_is_counted() -> None:
    rig = Sender()
    skb = rig.tcp(stream(10_000), 1448)
    frags = rig.machine.frags
    alloc, left = frags.alloc, [3]

    def few() -> int:
        left[0] -= 1
        return alloc() if left[0] >= 0 else 0

    frags.alloc = few  # type: ignore[method-assign]
    assert rig.transmit(skb) == []
    assert rig.netdevs[0].core_tx_dropped == 1
    frags.alloc = alloc  # type: ignore[method-assign]
