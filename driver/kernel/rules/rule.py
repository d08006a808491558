"""What a rule is, and what is known of one that was broken."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Level(enum.Enum):
    """What happens when a rule is broken."""

    IGNORE = "ignore"
    WARN = "warn"  #: it is noted, and the run goes on
    ERROR = "error"  #: the run ends


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that a driver must do, or must not.

    Attributes:
        name: stable; for people and for ``--rule``.
        invariant: its number in docs/rules.md.
        level: what happens unless somebody sets another level.
        demands: one sentence: the rule.
        mend: one sentence: what to do when it is broken.
        source: file of Linux or of its documentation.
        prints: what Linux prints when it finds out, as a format string; None if it does not.
    """

    name: str
    invariant: int
    level: Level
    demands: str
    mend: str
    source: str
    prints: str | None = None


@dataclass(frozen=True, slots=True)
class CodeLine:
    """A place in a driver."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken.

    Attributes:
        rule: which.
        what: what happened, with names and numbers.
        time_ns: simulated time.
        context: CPU and what it ran.
        where: the driver's line; None if no code of a driver ran.
        printed: what Linux would print; None if nothing.
    """

    rule: Rule
    what: str
    time_ns: int
    context: str
    where: CodeLine | None
    printed: str | None

    def __str__(self) -> str:
        lines = [f"{self.rule.name}: {self.what}", f"  at {self.time_ns:,} ns, {self.context}"]
        if self.where is not None:
            lines.append(f"  {self.where}")
        lines.append(f"  the rule: {self.rule.demands} ({self.rule.source})")
        if self.printed is not None:
            lines.append(f"  Linux prints: {self.printed}")
        lines.append(f"  to mend it: {self.rule.mend}")
        return "\n".join(lines)


class RuleBroken(BaseException):
    """A rule whose level is ERROR was broken; not an Exception, which a driver might catch."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(str(violation))
        self.violation = violation
