"""The PHY on the board: registers and link of a transceiver of the M88E1000 family, as hdl/harness/phy.v has them."""

from __future__ import annotations

from collections.abc import Callable

from emulator.model_nic.schedule import Schedule
from emulator.model_nic.timing import NEGOTIATION_NS
from hdl.nic.phy_registers import (
    ADVERTISE,
    CONTROL,
    EXPANSION,
    EXTENDED_STATUS,
    GIGABIT_CONTROL,
    GIGABIT_STATUS,
    ID1,
    ID2,
    PARTNER,
    SPECIFIC_STATUS,
    STATUS,
    Control,
    Status,
)

#: Its address on the management interface.
ADDRESS = 1

_AT_RESET = {CONTROL: 0x1140, ADVERTISE: 0x01E1, 7: 0x2001, GIGABIT_CONTROL: 0x0300, 16: 0x0068, 20: 0x0D60}
_WRITABLE = {CONTROL: 0x7DC0} | dict.fromkeys((ADVERTISE, 7, GIGABIT_CONTROL, 16, 18, 20, 24, 25, 29, 30), 0xFFFF)
_CONSTANT = {ID1: 0x0141, ID2: 0x0C20, EXTENDED_STATUS: 0x3000}
_WITH_LINK = {PARTNER: 0x45E1, EXPANSION: 0x0003, GIGABIT_STATUS: 0x3C00, SPECIFIC_STATUS: 0xAC00}
_STATUS = 0x7949  # what it is capable of


class Phy:
    """Negotiates when it comes out of reset, when software asks for it, and when a partner appears.

    Attributes:
        link: whether it is up; at first it is.
    """

    __slots__ = ("_failed", "_generation", "_in_reset", "_link_changed", "_partner", "_schedule", "_stored", "link")

    def __init__(self, schedule: Schedule, link_changed: Callable[[], None]) -> None:
        """``link_changed`` is called when the link has come up or gone down."""
        self._schedule = schedule
        self._link_changed = link_changed
        self._stored = dict(_AT_RESET)
        self._partner = True
        self._in_reset = False
        self._failed = False  # the link was down since STATUS was read
        self._generation = 0  # a negotiation of an earlier one comes to nothing
        self.link = True

    def reset(self, level: bool) -> None:
        """The level of its reset pin."""
        if level != self._in_reset:
            self._in_reset = level
            self._stored = dict(_AT_RESET)
            self._negotiate()

    def plug(self, partner: bool) -> None:
        """Whether somebody is at the other end of the cable."""
        if partner != self._partner:
            self._partner = partner
            self._negotiate()

    def read(self, number: int) -> int:
        """A register."""
        if number == STATUS:
            value = _STATUS | Status.NEGOTIATED * self.link | Status.LINK * (self.link and not self._failed)
            self._failed = False
            return value
        if number in _WITH_LINK:
            return _WITH_LINK[number] if self.link else 0
        return _CONSTANT.get(number, self._stored.get(number, 0))

    def write(self, number: int, value: int) -> None:
        """A write of a register."""
        writable = _WRITABLE.get(number, 0)
        before = self._stored.get(number, 0)
        self._stored[number] = value & writable | before & ~writable
        if number != CONTROL:
            return
        if value & Control.RESET:
            self._stored = dict(_AT_RESET)
        if value & (Control.RESET | Control.RESTART) or (value ^ before) & Control.POWER_DOWN:
            self._negotiate()

    def _negotiate(self) -> None:
        self._generation += 1
        if self.link:
            self.link, self._failed = False, True
            self._link_changed()
        if self._partner and not self._in_reset and not self._stored[CONTROL] & Control.POWER_DOWN:
            self._schedule.at(self._schedule.now + NEGOTIATION_NS, self._negotiated, self._generation)

    def _negotiated(self, generation: int) -> None:
        if generation == self._generation:
            self.link = True
            self._link_changed()
