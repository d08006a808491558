"""Ethernet's arithmetic of time on one wire (IEEE 802.3, 3.1.1 and 4.4.2), in whole picoseconds.

The model engine and the ledger compute with it what the board's wire source does in HDL; the board's tests compare
them.
"""

from __future__ import annotations

PREAMBLE_BYTES = 8  #: with the start frame delimiter
FCS_BYTES = 4
GAP_BYTES = 12  #: the least distance from the last FCS byte to the next preamble

MIN_FRAME_BYTES = 60  #: without FCS; senders pad to it
MAX_FRAME_BYTES = 1518  #: without FCS: 1,500 bytes of payload, the header and one 802.1Q tag

PS_PER_NS = 1_000
PS_PER_S = 10**12


def byte_time_ps(rate: int) -> int:
    """Time of one byte at a line rate in bit/s, in ps.

    The wire has a whole number of ps per byte; at other rates it is the nearest, off by 0.05 % at most (near 8 Gb/s).
    """
    return (8 * PS_PER_S + rate // 2) // rate


def occupied_ps(length: int, byte_ps: int) -> int:
    """How long a frame of this length (bytes, without FCS) keeps the wire, preamble to gap."""
    return (PREAMBLE_BYTES + length + FCS_BYTES + GAP_BYTES) * byte_ps


class WireTiming:
    """The frames of one wire, one after the other, each as early as it may go.

    Attributes:
        byte_ps: time of one byte.
        free_ps: earliest start of the next frame: end of the one before, plus the gap.
    """

    def __init__(self, byte_ps: int) -> None:
        self.byte_ps = byte_ps
        self.free_ps = 0
        self._around_ps = (PREAMBLE_BYTES + FCS_BYTES) * byte_ps
        self._gap_ps = GAP_BYTES * byte_ps

    def send(self, length: int, earliest_ps: int) -> tuple[int, int]:
        """Put the next frame (length in bytes, without FCS) on the wire, not before the given time.

        Returns:
            When its preamble starts, and when the last byte of its FCS has passed, in ps.
        """
        start = self.free_ps
        start = earliest_ps if earliest_ps > start else start
        end = start + self._around_ps + length * self.byte_ps
        self.free_ps = end + self._gap_ps
        return start, end
