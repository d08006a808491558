"""Hashes of flows: what a packet's addresses and ports come to (net/core/flow_dissector.c)."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driver.kernel.net.skbuff import SkBuff

_ETH_P_IP = b"\x08\x00"
_FRAGMENT = 0x3FFF  #: more fragments, and the offset
_WITH_PORTS = (6, 17)  #: TCP, UDP

#: The key of the hash; Linux draws one at boot.
_SEED = 0x6E617069


def skb_get_hash(skb: SkBuff) -> int:
    """The hash of its flow, 32 bits, never 0; computed at the first call if the device did not."""
    if not skb.hash:
        skb.hash = flow_hash(skb.data)
    return skb.hash


def flow_hash(frame: bytes) -> int:
    """Hash a frame's flow: IPv4 addresses, protocol and ports; without ports for fragments and other protocols.

    Both directions have the same hash, as in Linux, which sorts addresses and ports. Frames that are not IPv4 are
    hashed by their Ethernet header. Linux mixes with SipHash; any hash does that spreads flows.
    """
    if frame[12:14] != _ETH_P_IP or len(frame) < 34:
        return zlib.crc32(frame[:14], _SEED) or 1
    ports_at = 14 + (frame[14] & 15) * 4
    protocol, fragment = frame[23], int.from_bytes(frame[20:22], "big") & _FRAGMENT
    source, destination = frame[26:30], frame[30:34]
    source_port = destination_port = b""
    if protocol in _WITH_PORTS and not fragment:
        source_port, destination_port = frame[ports_at : ports_at + 2], frame[ports_at + 2 : ports_at + 4]
    if (destination, destination_port) < (source, source_port):
        source, destination = destination, source
        source_port, destination_port = destination_port, source_port
    key = source + destination + source_port + destination_port + bytes((protocol,))
    return zlib.crc32(key, _SEED) or 1
