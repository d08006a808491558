"""MDIC: operations on the registers of the PHY (SDM 13.4.8)."""

from __future__ import annotations

from emulator.model_nic.interrupts import Interrupts
from emulator.model_nic.phy import ADDRESS, Phy
from emulator.model_nic.schedule import Schedule
from emulator.model_nic.timing import MDIO_FRAME_NS
from hdl.nic.regmap import ICR, MDIC

_WRITE, _READ = 1, 2  # MDIC.OP
_NOBODY = 0xFFFF  # what a read brings if no PHY answers


class Mdio:
    """The register, and the operation that is under way."""

    __slots__ = ("_busy", "_forgotten", "_interrupts", "_phy", "_schedule", "_value")

    def __init__(self, schedule: Schedule, phy: Phy, interrupts: Interrupts) -> None:
        self._schedule = schedule
        self._phy = phy
        self._interrupts = interrupts
        self._busy = self._forgotten = False
        self._value = MDIC.reset

    def reset(self) -> None:
        """Device reset; an operation that is under way comes to its end, and until then the register is not ready."""
        self._forgotten = self._busy
        self._value = 0 if self._busy else MDIC.reset

    def read(self) -> int:
        """A read of MDIC."""
        return self._value

    def write(self, value: int) -> None:
        """A write to MDIC; swallowed while an operation is under way."""
        if self._busy:
            return
        self._value = value
        if MDIC.OP.get(value) in {_WRITE, _READ}:
            self._busy = True
            self._schedule.at(self._schedule.now + MDIO_FRAME_NS, self._done, value)
        else:
            self._finish(value | MDIC.E)

    def _done(self, value: int) -> None:
        self._busy = False
        there = MDIC.PHYADD.get(value) == ADDRESS
        number = MDIC.REGADD.get(value)
        if MDIC.OP.get(value) == _READ:
            data = self._phy.read(number) if there else _NOBODY
            value = value & ~MDIC.DATA | MDIC.DATA.put(data) | MDIC.E * (not there)
        elif there:
            self._phy.write(number, MDIC.DATA.get(value))
        if self._forgotten:
            self._forgotten = False
            self._value |= MDIC.R
        else:
            self._finish(value)

    def _finish(self, value: int) -> None:
        self._value = value | MDIC.R
        if value & MDIC.I:
            self._interrupts.latch(ICR.MDAC)
