"""Interrupt causes and mask: ICR, ICS, IMS and IMC (SDM 13.4.17 to 13.4.21)."""

from __future__ import annotations

from collections.abc import Callable

from hdl.nic.regmap import ICR

_CAUSES = ICR.writable


class Interrupts:
    """Latches causes, masked or not; the line is high while an enabled cause is latched.

    Attributes:
        latched: causes.
        mask: enabled causes.
    """

    __slots__ = ("_changed", "_level", "latched", "mask")

    def __init__(self, changed: Callable[[bool], None]) -> None:
        """``changed`` is called with the new level of the line when it changes."""
        self._changed = changed
        self._level = False
        self.latched = 0
        self.mask = 0

    def latch(self, causes: int) -> None:
        """Causes arise, in the hardware or through ICS."""
        latched = self.latched | causes & _CAUSES
        if latched != self.latched:
            self.latched = latched
            self._drive()

    def read_and_clear(self) -> int:
        """A read of ICR."""
        latched, self.latched = self.latched, 0
        self._drive()
        return latched

    def clear(self, causes: int) -> None:
        """A write to ICR."""
        self.latched &= ~causes
        self._drive()

    def enable(self, causes: int) -> None:
        """A write to IMS."""
        self.mask |= causes & _CAUSES
        self._drive()

    def disable(self, causes: int) -> None:
        """A write to IMC."""
        self.mask &= ~causes
        self._drive()

    def reset(self) -> None:
        """Nothing is latched, everything is masked."""
        self.latched = self.mask = 0
        self._drive()

    def _drive(self) -> None:
        level = (self.latched & self.mask) != 0
        if level != self._level:
            self._level = level
            self._changed(level)
