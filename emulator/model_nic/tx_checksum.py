"""Inserting checksums into a frame that is sent (SDM 3.3.3.1, 3.3.7.3, 3.5.8)."""

from __future__ import annotations

from typing import NamedTuple


class Sum(NamedTuple):
    """A checksum to insert.

    Attributes:
        start: the first byte that is summed up.
        end: the last one; 0 for the last of the frame.
        offset: where the checksum goes.
        extra: added to the sum.
        never_zero: 0xFFFF stands for 0, which means "no checksum" in UDP.
    """

    start: int
    end: int
    offset: int
    extra: int = 0
    never_zero: bool = False


def insert(frame: bytearray, sums: list[Sum]) -> None:
    """Insert checksums, all of them of the frame as it is before.

    One that starts or goes outside the frame is left out (SDM 3.3.3.1).
    """
    length = len(frame)
    inside = [item for item in sums if item.start < length and item.offset < length - 1]
    for item, value in [(item, _checksum(frame, item)) for item in inside]:
        frame[item.offset : item.offset + 2] = value.to_bytes(2, "big")


def _checksum(frame: bytearray, item: Sum) -> int:
    """The ones' complement of the ones' complement sum of 16-bit words; an odd last byte is followed by a zero."""
    summed = frame[item.start : item.end + 1] if item.end else frame[item.start :]
    if len(summed) % 2:
        summed += b"\0"
    total = int.from_bytes(summed, "big") + item.extra
    folded = total % 0xFFFF or (0xFFFF if total else 0)  # as end-around carries do: only zeros add up to 0
    return 0xFFFF - folded or (0xFFFF if item.never_zero else 0)
