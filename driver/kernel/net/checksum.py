"""The Internet checksum (RFC 1071; include/net/checksum.h)."""

from __future__ import annotations

#: What is known of a packet's checksum, or left to do about it (ip_summed, include/linux/skbuff.h).
CHECKSUM_NONE, CHECKSUM_UNNECESSARY, CHECKSUM_COMPLETE, CHECKSUM_PARTIAL = range(4)


def ones_sum(data: bytes | bytearray) -> int:
    """The ones' complement sum of 16-bit big-endian words, modulo 0xFFFF; an odd byte is followed by a zero."""
    return int.from_bytes(data + b"\0" if len(data) & 1 else data, "big") % 0xFFFF


def checksum(data: bytes | bytearray) -> int:
    """The checksum field for these bytes, in which that field is zero; never 0xFFFF, since no header sums up to 0."""
    return 0xFFFF - (ones_sum(data) or 0xFFFF)


def checksum_valid(data: bytes) -> bool:
    """Whether bytes that include their checksum are as they were sent."""
    return ones_sum(data) == 0
