"""The receive FIFO: how much room there is while frames come in whole and leave word by word."""

from __future__ import annotations

from collections import deque

from emulator.model_nic.timing import BEAT_BYTES, CLOCK_NS

FIFO_BYTES = 16 * 1024
FIFO_WORDS = FIFO_BYTES // BEAT_BYTES
FIFO_FRAMES = FIFO_BYTES // 64  #: as many frames as there are of minimum length


def words(length: int) -> int:
    """Words that so many bytes take."""
    return -(-length // BEAT_BYTES)


class FifoRoom:
    """Accounts for the words in the FIFO."""

    __slots__ = ("_leaving", "_stored")

    def __init__(self) -> None:
        self._stored = 0
        self._leaving: deque[tuple[int, int]] = deque()  # when the last word of a piece leaves, and its words

    def free(self, now: int) -> int:
        """Words that are free at a time in ns; it never goes back."""
        leaving = self._leaving
        while leaving and leaving[0][0] <= now:
            self._stored -= leaving.popleft()[1]
        gone = 0
        if leaving:  # the piece that is going out frees its room one word per clock
            end, count = leaving[0]
            gone = max(0, count - (end - now + CLOCK_NS - 1) // CLOCK_NS)
        return FIFO_WORDS - self._stored + gone

    def store(self, count: int) -> None:
        """A frame of so many words goes in."""
        self._stored += count

    def leave(self, end: int, count: int) -> None:
        """So many words go out, the last at a time in ns; in the order of time."""
        self._leaving.append((end, count))
