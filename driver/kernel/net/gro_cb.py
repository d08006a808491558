"""What GRO notes down in a packet, and how it adds one packet's payload to another (net/core/gro.c)."""

from __future__ import annotations

from driver.kernel.net.if_ether import ETH_HLEN
from driver.kernel.net.skbuff import MAX_SKB_FRAGS, SkbFrag, SkBuff, skb_shinfo


class GroCb:
    """Notes on a packet while it is in GRO (struct napi_gro_cb).

    Attributes:
        flush: it must be neither held nor merged.
        same_flow: it was merged into a held packet.
        free: nothing needs its skb any more.
        count: segments.
        age: jiffies when it was held.
        last: the skb that gets the next payload: the packet itself, or the last of its frag_list.
        len: bytes from the IP header on (Linux's skb->len at this place).
        summed: bytes that the CPU had to sum up for its checksum.
        addresses, ports: of source and destination, as in the packet.
        ip_id: IP identification.
        ip_fixedid: its segments have the same one, instead of one more each.
        constant: header fields that all segments share.
        mss: payload bytes of each segment but the last.
        next_seq: TCP sequence number behind its payload.
        fin_psh: FIN and PSH flags of all its segments.
    """

    __slots__ = (
        "addresses",
        "age",
        "constant",
        "count",
        "fin_psh",
        "flush",
        "free",
        "ip_fixedid",
        "ip_id",
        "last",
        "len",
        "mss",
        "next_seq",
        "ports",
        "same_flow",
        "summed",
    )

    addresses: bytes
    ports: bytes
    constant: tuple[object, ...]
    ip_id: int
    mss: int
    next_seq: int
    fin_psh: int

    def __init__(self, skb: SkBuff) -> None:
        self.flush = self.same_flow = self.free = self.ip_fixedid = False
        self.count = 1
        self.age = self.summed = 0
        self.last = skb
        self.len = len(skb.data) - ETH_HLEN


def skb_gro_receive(p: SkBuff, skb: SkBuff, payload: bytes) -> bool:
    """Add a packet's payload to a held packet; false if it would get too long, or its buffers go elsewhere.

    The buffer becomes a fragment of the held packet. When that has all it may have, the skb itself is chained to it,
    and gets the next fragments.
    """
    held, cb = p.cb, skb.cb
    # Pages of a pool and others are given back in different ways, so they are not mixed.
    if p.pp_recycle != skb.pp_recycle:
        return False
    if cb.flush or held.len + len(payload) >= p.dev.gro_ipv4_max_size:
        return False
    frags = skb_shinfo(held.last).frags
    if len(frags) < MAX_SKB_FRAGS:
        frags.append(SkbFrag(skb.head, payload, len(skb.data) - len(payload)))
        cb.free = True
    else:
        skb.data = payload
        skb_shinfo(p).frag_list.append(skb)
        held.last = skb
    held.count += cb.count
    held.len += len(payload)
    cb.same_flow = True
    return True
