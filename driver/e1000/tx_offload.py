"""Contexts for what the device is to do with a packet: e1000_tso and e1000_tx_csum (SDM 3.3.6).

Linux's driver gives each packet a context of its own; so does this one.
"""

from __future__ import annotations

import enum
import struct
from typing import TYPE_CHECKING

from driver.kernel.net.checksum import CHECKSUM_PARTIAL, ones_sum
from driver.kernel.net.if_ether import ETH_HLEN
from driver.kernel.net.ipv4.iphdr import IPPROTO_TCP, Iphdr, pseudo_header
from driver.kernel.net.skbuff import SkBuff
from hdl.nic.layouts import TX_CONTEXT, TxContextCommand, TxContextDescriptor

if TYPE_CHECKING:
    from driver.e1000.tx_ring import TxRing

_LAYOUT = TxContextDescriptor.as_shape()
_CONTEXT = struct.Struct("<BBHBBHIBBH")  # start, offset and end of IP's and TCP's sum; PAYLEN to command; HDRLEN, MSS
assert [field.width for _, field in _LAYOUT] == [8, 8, 16, 8, 8, 16, 20, 4, 8, 4, 4, 8, 16]
_COMMAND_SHIFT = _LAYOUT["command"].offset - _LAYOUT["paylen"].offset
_DTYP_SHIFT = _LAYOUT["dtyp"].offset - _LAYOUT["paylen"].offset
_COMMAND = TxContextCommand.as_shape()
_TCP, _IP, _TSE, _DEXT = (1 << _COMMAND[name].offset for name in ("TCP", "IP", "TSE", "DEXT"))

_TOT_LEN_AT, _IP_CHECK_AT = ETH_HLEN + 2, ETH_HLEN + 10
_TCP_CHECK = 16  #: of the checksum in the TCP header
_PROTOCOL_AT = ETH_HLEN + 9


class TxFlags(enum.IntFlag):
    """What the device does with a packet besides sending it (E1000_TX_FLAGS_*)."""

    NONE = 0
    CSUM = 1 << 0
    TSO = 1 << 2
    IPV4 = 1 << 3


def e1000_tso(ring: TxRing, skb: SkBuff) -> TxFlags:
    """A context for segmentation, if the packet is to be segmented; its headers become what the device wants.

    That computes lengths and checksums, and needs the sum of the pseudo header without the length.
    """
    shinfo = skb.shinfo
    if shinfo is None or not shinfo.gso_size:
        return TxFlags.NONE
    iph = Iphdr.parse(skb.data)
    assert iph is not None, "only TCP over IPv4 is left to the device"
    transport = iph.payload_at
    header_bytes = transport + (skb.data[transport + 12] >> 4) * 4
    check = ones_sum(pseudo_header(IPPROTO_TCP, iph.saddr, iph.daddr, 0))
    headers = bytearray(skb.data)
    headers[_TOT_LEN_AT : _TOT_LEN_AT + 2] = headers[_IP_CHECK_AT : _IP_CHECK_AT + 2] = bytes(2)
    headers[transport + _TCP_CHECK : transport + _TCP_CHECK + 2] = check.to_bytes(2, "big")
    skb.dev.machine.memory.write(skb.head, bytes(headers))
    lower = skb.len - header_bytes | TX_CONTEXT << _DTYP_SHIFT | (_DEXT | _TSE | _IP | _TCP) << _COMMAND_SHIFT
    ip = (ETH_HLEN, _IP_CHECK_AT, transport - 1)
    ring.put(_CONTEXT.pack(*ip, transport, transport + _TCP_CHECK, 0, lower, 0, header_bytes, shinfo.gso_size))
    return TxFlags.TSO | TxFlags.CSUM | TxFlags.IPV4


def e1000_tx_csum(ring: TxRing, skb: SkBuff) -> TxFlags:
    """A context for a checksum, if the packet's is left to the device."""
    if skb.ip_summed != CHECKSUM_PARTIAL:
        return TxFlags.NONE
    command = _DEXT | (_TCP if skb.data[_PROTOCOL_AT] == IPPROTO_TCP else 0)
    start = skb.csum_start
    lower = TX_CONTEXT << _DTYP_SHIFT | command << _COMMAND_SHIFT
    ring.put(_CONTEXT.pack(0, 0, 0, start, start + skb.csum_offset, 0, lower, 0, 0, 0))
    return TxFlags.CSUM
