"""Runs a wrong driver under a checker and tells which rules it broke."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from driver.kernel.rules.catalogue import RULES
from driver.kernel.rules.checker import Checker
from driver.kernel.rules.rule import Level, Violation
from tests.kernel.support import Computer


def checked(computer: Computer) -> Checker:
    """A checker that notes all and ends nothing."""
    return Checker(computer.machine, dict.fromkeys(RULES, Level.WARN))


def broken_by(computer: Computer, code: Coroutine[Any, Any, Any], until: int = 10_000_000) -> dict[str, Violation]:
    """The rules that a thread's driver code breaks, by name, with the first violation of each."""
    checker = checked(computer)
    computer.spawn(code)
    computer.run(until)
    found: dict[str, Violation] = {}
    for violation in checker.violations:
        found.setdefault(violation.rule.name, violation)
    return found


def only(found: dict[str, Violation], name: str, file: str, line: int) -> Violation:
    """The violation of the one rule that was broken, which must blame this line."""
    assert list(found) == [name], "\n".join(map(str, found.values()))
    where = found[name].where
    assert where is not None
    assert (where.file.rpartition("/")[2], where.line) == (file, line)
    return found[name]


def line(function: Callable[..., object], offset: int = 0) -> int:
    """A line of a function, counted from its first."""
    return function.__code__.co_firstlineno + offset
