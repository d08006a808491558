"""Interrupt causes, mask and throttling: ICR, ITR, ICS, IMS, IMC and IAM (SDM 13.4.17 to 13.4.21)."""

from __future__ import annotations

from collections.abc import Callable

from emulator.model_nic.schedule import Schedule
from hdl.nic.regmap import ICR

_CAUSES = ICR.writable

THROTTLE_UNIT_NS = 256  #: of ITR


class Interrupts:
    """Latches causes, masked or not; the line is high while an enabled cause is latched.

    With ITR it does not rise again before the interval since it last rose is over.

    Attributes:
        latched: causes.
        mask: enabled causes.
        auto_mask: causes that an access to ICR masks: IAM, if CTRL_EXT.IAME is set.
    """

    __slots__ = (
        "_changed",
        "_interval_ns",
        "_level",
        "_may_rise",
        "_request",
        "_requested",
        "_schedule",
        "_waits_for",
        "auto_mask",
        "latched",
        "mask",
    )

    def __init__(
        self, schedule: Schedule, changed: Callable[[bool], None], requested: Callable[[bool], None] | None = None
    ) -> None:
        """What is called when the line changes, and when it would without throttling, each with the new level."""
        self._schedule = schedule
        self._changed = changed
        self._requested = requested
        self._request = False
        self._level = False
        self._interval_ns = 0
        self._may_rise = 0  # from when on, in ns
        self._waits_for = 0  # the time at which it is looked at again
        self.latched = 0
        self.mask = 0
        self.auto_mask = 0

    def latch(self, causes: int) -> None:
        """Causes arise, in the hardware or through ICS."""
        latched = self.latched | causes & _CAUSES
        if latched != self.latched:
            self.latched = latched
            self._drive()

    def read_and_clear(self) -> int:
        """A read of ICR."""
        latched, self.latched = self.latched, 0
        self.mask &= ~self.auto_mask
        self._drive()
        return latched

    def clear(self, causes: int) -> None:
        """A write to ICR."""
        self.latched &= ~causes
        self.mask &= ~self.auto_mask
        self._drive()

    def enable(self, causes: int) -> None:
        """A write to IMS."""
        self.mask |= causes & _CAUSES
        self._drive()

    def disable(self, causes: int) -> None:
        """A write to IMC."""
        self.mask &= ~causes
        self._drive()

    def throttle(self, interval: int) -> None:
        """A write to ITR; the interval that runs goes on, unless there is none any more."""
        self._interval_ns = interval * THROTTLE_UNIT_NS
        if not interval:
            self._may_rise = 0
            self._drive()

    def reset(self) -> None:
        """Nothing is latched, everything is masked, nothing is throttled."""
        self.latched = self.mask = self.auto_mask = 0
        self._interval_ns = self._may_rise = 0
        self._drive()

    def _drive(self) -> None:
        level = (self.latched & self.mask) != 0
        if self._requested is not None and level != self._request:
            self._request = level
            self._requested(level)
        if level == self._level:
            return
        if level and self._may_rise > self._schedule.now:
            self._wait()
            return
        self._level = level
        self._changed(level)
        if level and self._interval_ns:
            self._may_rise = self._schedule.now + self._interval_ns

    def _wait(self) -> None:
        """Look again when the interval is over."""
        if self._waits_for != self._may_rise:
            self._waits_for = self._may_rise
            self._schedule.at(self._may_rise, self._interval_over, None)

    def _interval_over(self, _: object) -> None:
        self._drive()
