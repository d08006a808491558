"""The pair of timers that delays a cause: RDTR and RADV, TIDV and TADV (SDM 3.2.7.1, 3.3.5, 13.4.30, 13.4.44)."""

from __future__ import annotations

from emulator.model_nic.interrupts import Interrupts
from emulator.model_nic.schedule import Schedule

UNIT_NS = 1_024
NEVER = 1 << 63


class DelayTimers:
    """Latches a cause once events have stopped for a while, or have waited for long enough.

    Attributes:
        delay_ns: of the timer that each event starts anew; 0 for no delay at all.
        absolute_ns: of the timer that the first event starts; 0 for none.
    """

    __slots__ = ("_cause", "_due", "_interrupts", "_latest", "_look_at", "_schedule", "absolute_ns", "delay_ns")

    def __init__(self, schedule: Schedule, interrupts: Interrupts, cause: int) -> None:
        self._schedule = schedule
        self._interrupts = interrupts
        self._cause = cause
        self._look_at = NEVER  # when it is looked next whether the cause is due, in ns
        self.reset()

    def reset(self) -> None:
        """Nothing waits, and nothing is to be delayed."""
        self.delay_ns = self.absolute_ns = 0
        self._due = self._latest = 0  # when the cause comes, in ns, and the bound of that; 0 while nothing waits

    def configure(self, delay: int, absolute: int) -> None:
        """Take over the registers; what runs goes on as it is."""
        self.delay_ns, self.absolute_ns = delay * UNIT_NS, absolute * UNIT_NS

    def event(self) -> None:
        """Something happened that the cause is to tell of."""
        if not self.delay_ns:
            self.flush()
            return
        now = self._schedule.now
        if not self._due:
            self._latest = now + self.absolute_ns if self.absolute_ns else 0
        due = now + self.delay_ns
        self._due = min(due, self._latest) if self._latest else due
        self._plan()

    def flush(self) -> None:
        """Latch the cause now; both timers stop."""
        self._due = 0
        self._interrupts.latch(self._cause)

    def _plan(self) -> None:
        """Look when the cause is due; not if that is going to happen before."""
        if self._due < self._look_at:
            self._look_at = self._due
            self._schedule.at(self._due, self._look, None)

    def _look(self, _: object) -> None:
        now = self._schedule.now
        if now >= self._look_at:
            self._look_at = NEVER
        if not self._due:
            return
        if now >= self._due:
            self.flush()
        else:
            self._plan()
