"""The vectors of a NIC with several queues: EICR, EICS, EIMS, EIMC, EIAC, EIAM, EITR and IVAR (82576, 7.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from emulator.model_nic.schedule import Schedule
from hdl.nic.regmap import EIAC, EIAM, EITR, GPIE, IVAR, IVAR_MISC

_EITR_UNIT_NS = 1_000


class Msix:
    """Latches events by vector, masked or not; sends a vector's message while its bit is set and enabled.

    Attributes:
        enabled: GPIE.MULTIPLE_MSIX; without it nothing is latched.
        latched: EICR.
        mask: EIMS.
    """

    def __init__(self, schedule: Schedule, queues: int, fires: Callable[[int], None]) -> None:
        """``fires`` is called with a vector's number when its message is sent."""
        self._schedule = schedule
        self._queues = queues
        self._vectors = queues + 1
        self._every = (1 << self._vectors) - 1
        self._fires = fires
        self._waits_for = [0] * self._vectors  # when it is looked at each vector again, in ns
        self._other = False
        self.reset({})

    def reset(self, values: Mapping[int, int]) -> None:
        """Device reset: nothing is latched, everything is masked."""
        self.latched = self.mask = 0
        self._sent = 0  # vectors whose message was sent and whose bits have not been cleared since
        self._may_fire = [0] * self._vectors  # from when on, in ns
        self.configure(values)

    def configure(self, values: Mapping[int, int]) -> None:
        """Take over the registers, by offset."""
        gpie = values.get(GPIE.offset, 0)
        self.enabled = bool(gpie & GPIE.MULTIPLE_MSIX)
        self._auto_clear = values.get(EIAC.offset, 0)
        self._auto_mask = values.get(EIAM.offset, 0) if gpie & GPIE.EIAME else 0
        self._intervals = [EITR.INTERVAL.get(values.get(EITR.at(n), 0)) * _EITR_UNIT_NS for n in range(self._vectors)]
        ivars = [values.get(IVAR.at(queue), 0) for queue in range(self._queues)]
        self._rx = [1 << IVAR.RX_VECTOR.get(ivar) if ivar & IVAR.RX_VALID else 0 for ivar in ivars]
        self._tx = [1 << IVAR.TX_VECTOR.get(ivar) if ivar & IVAR.TX_VALID else 0 for ivar in ivars]
        misc = values.get(IVAR_MISC.offset, 0)
        self._misc = 1 << IVAR_MISC.OTHER_VECTOR.get(misc) if misc & IVAR_MISC.OTHER_VALID else 0
        if not self.enabled:
            self.latched = 0
        for vector, interval in enumerate(self._intervals):
            if not interval:
                self._may_fire[vector] = 0
        self._drive()

    def received(self, queue: int) -> None:
        """A frame is in memory."""
        self.latch(self._rx[queue])

    def sent(self, queue: int) -> None:
        """A frame is sent and reported."""
        self.latch(self._tx[queue])

    def other(self, level: bool) -> None:
        """Whether a cause is latched in ICR that IMS enables."""
        if level and not self._other:
            self.latch(self._misc)
        self._other = level

    def latch(self, vectors: int) -> None:
        """Events arise, or a write to EICS."""
        if self.enabled:
            self.latched |= vectors & self._every
            self._drive()

    def read_and_clear(self) -> int:
        """A read of EICR."""
        latched, self.latched = self.latched, 0
        self._drive()
        return latched

    def clear(self, vectors: int) -> None:
        """A write to EICR."""
        self.latched &= ~vectors
        self._drive()

    def enable(self, vectors: int) -> None:
        """A write to EIMS."""
        self.mask |= vectors & self._every
        self._drive()

    def disable(self, vectors: int) -> None:
        """A write to EIMC."""
        self.mask &= ~vectors
        self._drive()

    def _drive(self) -> None:
        """Send what is due."""
        due = self.latched & self.mask
        self._sent &= due
        due &= ~self._sent
        while due:
            vector = (due & -due).bit_length() - 1
            due &= due - 1
            if self._may_fire[vector] > self._schedule.now:
                self._wait(vector)
            else:
                self._fire(vector)

    def _fire(self, vector: int) -> None:
        bit = 1 << vector
        interval = self._intervals[vector]
        if interval:
            self._may_fire[vector] = self._schedule.now + interval
        if self._auto_clear & bit:
            self.latched &= ~bit
        else:
            self._sent |= bit
        if self._auto_mask & bit:
            self.mask &= ~bit
            self._sent &= ~bit
        self._fires(vector)

    def _wait(self, vector: int) -> None:
        """Look again when the interval is over."""
        if self._waits_for[vector] != self._may_fire[vector]:
            self._waits_for[vector] = self._may_fire[vector]
            self._schedule.at(self._may_fire[vector], self._interval_over, None)

    def _interval_over(self, _: object) -> None:
        self._drive()
