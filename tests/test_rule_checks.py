"""Settings of rules for drivers: which counts, and when there is no checker at all."""

from __future__ import annotations

import pytest

from driver.kernel.rules.catalogue import RULES
from driver.kernel.rules.rule import Level
from emulator.rule_checks import UNCHECKED, check_rules, rule_levels, rule_results
from tests.kernel.support import Computer

FIRST, SECOND = list(RULES)[:2]


def test_levels_without_settings_are_those_of_the_rules() -> None:
    assert rule_levels(()) == {name: rule.level for name, rule in RULES.items()}


def test_a_later_setting_counts_more() -> None:
    assert rule_levels((f"{FIRST}=warn", f"{FIRST}=ignore"))[FIRST] is Level.IGNORE


def test_all_leaves_hints_off() -> None:
    hints = [name for name, rule in RULES.items() if rule.level is Level.IGNORE]
    assert hints
    assert {rule_levels(("all=error",))[name] for name in hints} == {Level.IGNORE}


@pytest.mark.parametrize("settings", [("all=ignore", f"{FIRST}=error"), (f"{FIRST}=error", "all=ignore")])
def test_one_rule_counts_more_than_all(settings: tuple[str, ...]) -> None:
    assert rule_levels(settings) == dict.fromkeys(RULES, Level.IGNORE) | {FIRST: Level.ERROR}


@pytest.mark.parametrize(
    ("settings", "checked"),
    [
        ((), sum(rule.level is not Level.IGNORE for rule in RULES.values())),
        ((UNCHECKED,), 0),
        (tuple(f"{name}=ignore" for name in RULES), 0),
        ((UNCHECKED, f"{SECOND}=warn"), 1),
    ],
)
def test_how_many_are_checked(settings: tuple[str, ...], checked: int) -> None:
    machine = Computer().machine
    check_rules(machine, (), settings)
    assert (machine.rules is None) == (checked == 0)
    assert rule_results(machine.rules).checked == checked


def test_what_was_found() -> None:
    machine = Computer().machine
    check_rules(machine, (), ("all=warn",))
    assert machine.rules is not None
    for _ in range(25):
        machine.rules.broken(RULES[SECOND], "again")
    (broken,) = rule_results(machine.rules).broken
    assert (broken.name, broken.level, broken.count) == (SECOND, "warn", 25)
    assert 1 < len(broken.first) < 25
