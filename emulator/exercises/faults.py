"""What a check found wrong with a driver: one fault, in words and numbers, and the exception that carries it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a driver did not pass.

    Attributes:
        headline: one line: what is wrong.
        expected, happened: what was looked at, in words; empty if the headline says all.
        why: what that means for a driver; may be empty.
        rule: name of the rule that it broke; empty if none.
        rule_text: what is to be said of that rule, in lines.
        where: file, line and function of the driver; empty if no line of it is to blame.
        code: what stands there; in a second line a mark under what Python could not read.
        callers: the lines of the driver that called that, innermost first.
        time_ns: simulated time; None before the run.
        look_ns: when what is behind it began, if it is not ``time_ns``.
        endless: nothing goes on any more, so a run on the RTL would show nothing.
    """

    headline: str
    expected: str = ""
    happened: str = ""
    why: str = ""
    rule: str = ""
    rule_text: tuple[str, ...] = ()
    where: str = ""
    code: str = ""
    callers: tuple[str, ...] = ()
    time_ns: int | None = None
    look_ns: int | None = None
    endless: bool = False

    @property
    def seen_in_waves(self) -> bool:
        """Whether hardware had a part in it, so that the RTL's waveform is worth a look."""
        return self.time_ns is not None and not self.endless


class CheckFailed(Exception):  # noqa: N818  (it names the outcome, as RunFailed does)
    """A driver did not pass."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.headline)
        self.fault = fault
