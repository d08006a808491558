"""Several transmit queues in front of one FIFO: they take turns, a packet each, as in hdl/nic/tx_turns.py."""

from __future__ import annotations

from typing import Protocol

from emulator.model_nic.schedule import Schedule


class Taker(Protocol):
    """A queue."""

    def take(self) -> None:
        """It has the turn: take the next descriptor."""


class TxTurns:
    """Whose turn it is, and who asks for one."""

    def __init__(self, schedule: Schedule, queues: int) -> None:
        self._schedule = schedule
        self._queues = queues
        self.reset()

    def reset(self) -> None:
        """Device reset: nobody asks."""
        self._asking: dict[int, Taker] = {}
        self._holder: int | None = None
        self._last = self._queues - 1  # who had the turn before
        self._free_ns = 0  # when the data that was asked for last is there
        self._planned = False

    def mine(self, number: int, queue: Taker) -> bool:
        """Whether a queue has the turn; if not, it is told when it has."""
        if self._holder == number:
            return True
        self._asking[number] = queue
        self._plan()
        return False

    def took(self, transfer_ns: int) -> None:
        """Who has the turn has asked for data that takes so long."""
        self._free_ns = self._schedule.now + transfer_ns

    def over(self, number: int) -> None:
        """A queue has no use for the turn any more, if it has it, nor asks for one."""
        self._asking.pop(number, None)
        if self._holder == number:
            self._holder = None
            self._plan()

    def _plan(self) -> None:
        """See who is next, once the data of the last one is there: others may ask until then."""
        if self._holder is None and self._asking and not self._planned:
            self._planned = True
            self._schedule.at(max(self._free_ns, self._schedule.now), self._next, None)

    def _next(self, _: object) -> None:
        self._planned = False
        if self._holder is not None or not self._asking:
            return
        number = min(self._asking, key=lambda asking: (asking - self._last - 1) % self._queues)
        self._holder = self._last = number
        self._asking.pop(number).take()
