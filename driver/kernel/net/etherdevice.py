"""MAC addresses (include/linux/etherdevice.h)."""

from __future__ import annotations

_GROUP = 1  # in the first byte


def is_valid_ether_addr(address: bytes) -> bool:
    """Whether a station may have this address: it is not that of a group, and not zero."""
    return not address[0] & _GROUP and any(address)
