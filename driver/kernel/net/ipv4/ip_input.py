"""IPv4 packets that come in: checks, and delivery by protocol (net/ipv4/ip_input.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel.net.checksum import checksum_valid
from driver.kernel.net.if_ether import ETH_HLEN
from driver.kernel.net.if_vlan import for_vlan_device
from driver.kernel.net.ipv4.icmp import ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, icmp_rcv, icmp_send
from driver.kernel.net.ipv4.iphdr import IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, Iphdr
from driver.kernel.net.ipv4.udp import udp_rcv
from driver.kernel.net.skbuff import consume_skb, kfree_skb_reason

if TYPE_CHECKING:
    from driver.kernel.net.net_namespace import Net
    from driver.kernel.net.skbuff import SkBuff

ETH_P_IP = 0x0800


async def ip_rcv(skb: SkBuff) -> None:
    """Take a packet from an interface that has an address: check it, and deliver it if it is for us."""
    in_dev = skb.dev.ip_ptr
    assert in_dev is not None
    mac = skb.data[:6]
    # PACKET_OTHERHOST: seen since the interface is promiscuous, or of a VLAN that has no device here.
    if (mac != skb.dev.dev_addr and not mac[0] & 1) or for_vlan_device(skb):
        skb.dev.core_rx_dropped += 1
        kfree_skb_reason(skb, "OTHERHOST")
        return
    net = skb.dev.machine.init_net
    iph = _ip_rcv_core(skb, net)
    if iph is None:
        return
    if not in_dev.is_local(iph.daddr):
        net.mib.ip.InAddrErrors += 1
        kfree_skb_reason(skb, "IP_INADDRERRORS")
        return
    await _ip_local_deliver(skb, iph, net)


def _ip_rcv_core(skb: SkBuff, net: Net) -> Iphdr | None:
    """The packet's header; None if it is bad, and the packet is gone."""
    mib = net.mib.ip
    received = skb.len - ETH_HLEN
    mib.InReceives += max(1, skb.shinfo.gso_segs) if skb.shinfo else 1
    mib.InOctets += received
    iph = Iphdr.parse(skb.data)
    if iph is None or iph.payload_at > len(skb.data) or iph.tot_len < iph.payload_at - ETH_HLEN:
        _inhdr_error(skb, net, "IP_INHDR")
        return None
    if not checksum_valid(skb.data[ETH_HLEN : iph.payload_at]):
        mib.InCsumErrors += 1
        _inhdr_error(skb, net, "IP_CSUM")
        return None
    if received < iph.tot_len:
        mib.InTruncatedPkts += 1
        kfree_skb_reason(skb, "PKT_TOO_SMALL")
        return None
    return iph


def _inhdr_error(skb: SkBuff, net: Net, reason: str) -> None:
    net.mib.ip.InHdrErrors += 1
    kfree_skb_reason(skb, reason)


async def _ip_local_deliver(skb: SkBuff, iph: Iphdr, net: Net) -> None:
    """Hand a packet to its protocol."""
    mib = net.mib.ip
    if iph.is_fragment:
        mib.ReasmReqds += 1
        mib.ReasmFails += 1
        kfree_skb_reason(skb, "NOT_SPECIFIED")
        return
    if iph.protocol == IPPROTO_UDP:
        mib.InDelivers += 1
        await udp_rcv(skb, iph)
    elif iph.protocol == IPPROTO_ICMP:
        mib.InDelivers += 1
        await icmp_rcv(skb, iph)
    elif iph.protocol == IPPROTO_TCP:
        mib.InDelivers += 1
        _tcp_v4_rcv(skb, net)
    else:
        mib.InUnknownProtos += 1
        await icmp_send(skb, iph, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH)
        kfree_skb_reason(skb, "IP_NOPROTO")


def _tcp_v4_rcv(skb: SkBuff, net: Net) -> None:
    """TCP segments end here: they are counted, and their work is a cost. There is no endpoint."""
    net.mib.tcp.InSegs += max(1, skb.shinfo.gso_segs) if skb.shinfo else 1
    consume_skb(skb)
