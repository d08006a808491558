"""Inserting the 802.1Q tag that a descriptor asks for (SDM 3.3.7.4)."""

from __future__ import annotations

_TAG_AT = 12  #: behind both addresses


def insert_tag(frame: bytes | bytearray, ethertype: int, special: int) -> bytes:
    """The frame with a tag; as it is if it ends before the tag's place."""
    if len(frame) < _TAG_AT:
        return bytes(frame)
    tag = ethertype.to_bytes(2, "big") + special.to_bytes(2, "big")
    return bytes(frame[:_TAG_AT]) + tag + bytes(frame[_TAG_AT:])
