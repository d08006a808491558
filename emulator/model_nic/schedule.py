"""What is going to happen, in order of time; at the same time, in the order in which it was put down."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any


class Schedule:
    """A discrete-event schedule.

    Attributes:
        now: the present, in ns.
        announced: an action set it because something outside waits for what it did.
    """

    __slots__ = ("_count", "_heap", "announced", "now")

    def __init__(self) -> None:
        self.now = 0
        self.announced = False
        self._heap: list[tuple[int, int, Callable[[Any], None], Any]] = []
        self._count = 0

    def at(self, time: int, action: Callable[[Any], None], argument: object) -> None:
        """Call ``action(argument)`` at a time in ns, which may be now."""
        heappush(self._heap, (time, self._count, action, argument))
        self._count += 1

    def run(self, until: int) -> bool:
        """Let things happen until something was ``announced``, or until nothing more is due by a time in ns.

        Returns whether something was announced. If so all else of that instant has happened too.
        """
        heap = self._heap
        while heap and heap[0][0] <= until:
            self.now, _, action, argument = heappop(heap)
            action(argument)
            if self.announced and not (heap and heap[0][0] == self.now):
                self.announced = False
                return True
        self.now = until if until > self.now else self.now
        return False
