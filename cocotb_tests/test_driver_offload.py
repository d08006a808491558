"""The driver leaves checksums, segments and tags to the RTL: what leaves is right, and GRO makes one packet of it."""

import cocotb
import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from cocotb_tests.board_tester import run_on_board
from driver.e1000.hw import er32
from driver.kernel.net.checksum import CHECKSUM_PARTIAL, ones_sum
from driver.kernel.net.gso import skb_gso_segment
from driver.kernel.net.hard_start_xmit import NET_XMIT_SUCCESS
from driver.kernel.net.ipv4.iphdr import pseudo_header
from driver.kernel.net.skbuff import SkbGso, alloc_skb, alloc_skb_with_frags, skb_copy_data, skb_shinfo
from driver.kernel.net.xmit import dev_queue_xmit
from emulator.cost_profiles import load_costs
from emulator.emulation import Emulation
from emulator.engines.base import WireFrame
from emulator.engines.cocotb_engine import CocotbEngine
from emulator.run import bring_up
from emulator.scenario import Scenario
from hdl.nic.regmap import TSCTC
from tests.e1000.test_tx_offload import segments

LEAVES_NS = 350_000  # longer than 10 KB take to leave and to come back, interrupts being 100 us apart
HEADERS = 54
FEATURES = ("tx-checksum-ip-generic", "tx-scatter-gather", "tx-tcp-segmentation", "tx-vlan-hw-insert", "rx-gro")


async def begin(dut):
    """The board with the interface up and all offloads on."""
    settings = (*(f"features-set/eth0/{feature}=on" for feature in FEATURES), "coalesce-set/eth0/rx-usecs=100")
    scenario = Scenario(generate=(60,), count=1, set=settings)
    costs = load_costs(scenario.costs)
    emulation = Emulation(CocotbEngine(dut, costs), costs)
    (netdev,) = await bring_up(emulation, scenario)
    return emulation, netdev


async def send(emulation, skb):
    """Give the interface a packet, and wait until it has left."""

    async def transmit():
        assert await dev_queue_xmit(skb) == NET_XMIT_SUCCESS

    await emulation.call(transmit())
    await emulation.run_for(LEAVES_NS)


def packet(netdev, transport, length):
    """To the interface itself, with so many bytes of payload."""
    ethernet = Ether(src="02:00:00:00:00:02", dst=netdev.dev_addr.hex(":"))
    payload = Raw(bytes(index * 7 & 255 for index in range(length)))
    return Ether(bytes(ethernet / IP(src="10.0.0.1", dst="10.0.0.2", id=0xFFFD) / transport / payload))


def segmented(netdev, data, mss):
    """A packet of TCP, its payload in fragments, that is to leave in segments."""
    skb = alloc_skb_with_frags(data, HEADERS + 100, netdev)
    shinfo = skb_shinfo(skb)
    shinfo.gso_size, shinfo.gso_type, shinfo.gso_segs = mss, SkbGso.TCPV4, -(-(len(data) - HEADERS) // mss)
    skb.ip_summed, skb.csum_start, skb.csum_offset = CHECKSUM_PARTIAL, 34, 16
    return skb


@cocotb.test()
async def a_packet_leaves_in_segments_and_gro_makes_one_of_them(dut):
    emulation, netdev = await begin(dut)
    wire, sent, received = emulation.engine.wires[0], [], []

    def come_back(frame):
        assert not frame.bad_fcs
        sent.append(frame.data)
        wire.send([WireFrame(frame.data)])

    wire.listen(come_back)
    emulation.machine.tracepoints.register(
        "netif_receive_skb", lambda skb: received.append((skb_copy_data(skb), skb_gso_segment(skb)))
    )
    whole = packet(netdev, TCP(sport=1, dport=2, seq=0xFFFFF000, ack=5, flags="PA"), 10_000)
    await send(emulation, segmented(netdev, bytes(whole), 1448))
    expected = segments(whole, 1448)
    assert sent == expected
    assert [frame for _, frames in received for frame in frames] == expected
    assert b"".join(data[HEADERS:] for data, _ in received) == bytes(whole[TCP].payload)
    assert len(received) < len(expected)
    assert netdev.priv.tx_ring.unused == netdev.priv.tx_ring.count - 1
    assert await emulation.call(er32(netdev.priv.hw, TSCTC)) == 1


@cocotb.test()
async def a_checksum_and_a_tag_are_inserted(dut):
    emulation, netdev = await begin(dut)
    sent = []
    emulation.engine.wires[0].listen(sent.append)
    for length in (18, 19, 1400):
        whole = packet(netdev, UDP(sport=7, dport=9), length)
        raw = bytearray(bytes(whole))
        raw[40:42] = ones_sum(pseudo_header(17, raw[26:30], raw[30:34], len(raw) - 34)).to_bytes(2, "big")
        skb = alloc_skb(bytes(raw), netdev)
        skb.ip_summed, skb.csum_start, skb.csum_offset, skb.vlan_tci = CHECKSUM_PARTIAL, 34, 6, 0x6064
        await send(emulation, skb)
        assert sent.pop().data == bytes(whole)[:12] + b"\x81\x00\x60\x64" + bytes(whole)[12:]


@pytest.mark.slow
def test_driver_offload():
    run_on_board(__name__)
