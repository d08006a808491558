"""Runs a wrong driver under a checker and tells which rules it broke."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Coroutine
from typing import Any

from driver.kernel.rules.catalogue import RULES
from driver.kernel.rules.checker import Checker
from driver.kernel.rules.rule import Level, Violation
from tests.kernel.rules.small_driver import Driver
from tests.kernel.rules.small_nic import NicComputer, observe
from tests.kernel.support import Computer

#: When the interface of a driver is up, and when a run ends, in ns.
UP_NS, END_NS = 10_000, 100_000

#: What happens to a driver once it is up.
Story = Callable[[NicComputer, Driver], None]


def checked(computer: Computer) -> Checker:
    """A checker that notes all and ends nothing."""
    return Checker(computer.machine, dict.fromkeys(RULES, Level.WARN))


def broken_by(computer: Computer, code: Coroutine[Any, Any, Any], until: int = 10_000_000) -> dict[str, Violation]:
    """The rules that a thread's driver code breaks, by name, with the first violation of each."""
    checker = checked(computer)
    computer.spawn(code)
    computer.run(until)
    return first_of_each(checker)


def first_of_each(checker: Checker) -> dict[str, Violation]:
    """The first violation of each rule that was broken, by its name."""
    found: dict[str, Violation] = {}
    for violation in checker.violations:
        found.setdefault(violation.rule.name, violation)
    return found


def broken_in(driver_class: type[Driver], story: Story, *, cpus: int = 1) -> dict[str, Violation]:
    """The rules that a driver for the small NIC breaks, when this happens to it."""
    computer = NicComputer(cpus=cpus)
    checker = checked(computer)
    driver = driver_class(computer)
    observe(checker, driver.pdev)
    computer.spawn(driver.open())
    computer.run(UP_NS)
    story(computer, driver)
    for time in range(UP_NS, END_NS, 10_000):
        computer.run(time)
    return first_of_each(checker)


def blamed(found: dict[str, Violation]) -> str:
    """The one rule that was broken, by the line that has its name as a comment."""
    (name,) = found
    where = found[name].where
    assert where is not None, name
    line = linecache.getline(where.file, where.line)
    assert line.rstrip().endswith(f"# {name}"), f"{where}: {line}"
    return name


def check(driver_class: type[Driver], story: Story, *, cpus: int = 1) -> Violation:
    """A wrong driver breaks one rule, and the right one none; returns how."""
    assert broken_in(Driver, story, cpus=cpus) == {}
    found = broken_in(driver_class, story, cpus=cpus)
    return found[blamed(found)]


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
