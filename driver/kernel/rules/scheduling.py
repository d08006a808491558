"""Rules 1 to 14: scheduling, polling, completing, masking and unmasking (net/core/dev.c, networking/napi.rst)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel.rules.place import function_line
from driver.kernel.rules.rule import Level, Rule

if TYPE_CHECKING:
    from driver.kernel.net.napi import Napi
    from driver.kernel.rules.checker import Checker

NAPI_POLL_BUDGET = Rule(
    name="napi-poll-budget",
    invariant=3,
    level=Level.ERROR,
    demands="poll() returns how many packets it took: at least 0, and at most its budget",
    mend="Stop the receive loop when it has taken `budget` packets, and return that number.",
    source="net/core/dev.c, __napi_poll",
    prints="NAPI poll function {function} returned {work}, exceeding its budget of {budget}.",
)

NAPI_COMPLETE_AT_BUDGET = Rule(
    name="napi-complete-at-budget",
    invariant=4,
    level=Level.ERROR,
    demands="a poll() that returns its whole budget has not called napi_complete_done: the core polls it again",
    mend="Call napi_complete_done only if work_done < budget; or having called it, return budget - 1.",
    source="Documentation/networking/napi.rst",
)

NAPI_ORPHAN = Rule(
    name="napi-orphan",
    invariant=4,
    level=Level.ERROR,
    demands="a poll() that returns less than its budget has called napi_complete_done: else nobody ever polls it again",
    mend="Call napi_complete_done before you return less than the budget, and unmask if it returns true.",
    source="net/core/dev.c, __napi_poll",
)


class SchedulingRules:
    """What NAPI instances do."""

    def __init__(self, checker: Checker) -> None:
        self._broken = checker.broken
        self._completed: dict[Napi, int] = {}  # calls of napi_complete_done in the present poll

    def poll_begins(self, napi: Napi) -> None:
        """poll() is about to be called."""
        self._completed[napi] = 0

    def complete(self, napi: Napi) -> None:
        """napi_complete_done was called."""
        self._completed[napi] = self._completed.get(napi, 0) + 1

    def poll_returned(self, napi: Napi, work: int, budget: int) -> None:
        """poll() returned."""
        if napi.dev is None:  # the backlog keeps its state itself
            return
        function = napi.poll
        where = function_line(function)
        if not 0 <= work <= budget:
            self._broken(
                NAPI_POLL_BUDGET,
                f"poll() returned {work}, its budget was {budget}",
                where=where,
                function=function.__qualname__,
                work=work,
                budget=budget,
            )
        if work >= budget and self._completed[napi]:
            self._broken(
                NAPI_COMPLETE_AT_BUDGET,
                f"poll() called napi_complete_done and returned its whole budget of {budget}",
                where=where,
            )
        if budget > 0 and work < budget and not self._completed[napi]:
            self._broken(
                NAPI_ORPHAN,
                f"poll() returned {work}, less than its budget of {budget}, without napi_complete_done",
                where=where,
            )
