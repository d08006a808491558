"""Which received frames stay in order among each other when GRO lets one flow overtake another."""

from __future__ import annotations

from driver.kernel.net.checksum import ones_sum

_ETHERNET_BYTES = 14
_IP_END = 34
_TCP = 6


def order_lane(frame: bytes) -> bytes | None:
    """What a frame is in order with: frames of the same lane reach the stack as they came.

    A TCP segment that GRO may hold back is in its connection's lane. Everything else goes up at once, and shares None.
    """
    ip, tcp = frame[_ETHERNET_BYTES:_IP_END], frame[_IP_END:]
    if frame[12:15] != b"\x08\x00\x45" or len(ip) < 20 or ip[9] != _TCP:
        return None
    fragment = int.from_bytes(ip[6:8], "big") & 0x3FFF
    if fragment or ones_sum(ip) or ones_sum(ip[12:] + bytes((0, _TCP)) + len(tcp).to_bytes(2, "big") + tcp):
        return None
    return frame[:12] + ip[12:] + tcp[:4]
