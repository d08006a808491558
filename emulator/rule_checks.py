"""Rules for drivers in a run: the settings of ``--rule``, the checker, and what it found."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from driver.e1000.observer import observe
from driver.kernel.machine import Machine
from driver.kernel.pci import PciDev
from driver.kernel.rules.catalogue import RULES
from driver.kernel.rules.checker import Checker
from driver.kernel.rules.rule import Level, Rule
from emulator.errors import UserError
from emulator.results import BrokenRule, RuleResults

#: In place of a rule's name: all of them.
ALL = "all"

#: The setting with which nothing is checked.
UNCHECKED = f"{ALL}={Level.IGNORE.value}"


def rule_levels(settings: Sequence[str]) -> dict[str, Level]:
    """The level of every rule, by its name.

    Arguments:
        settings: NAME=LEVEL; a later one counts more, and one for a rule counts more than one for all.

    Raises:
        UserError: there is no such rule or level.
    """
    pairs = [_parse(setting) for setting in settings]
    levels = {name: rule.level for name, rule in RULES.items()}
    for name, level in pairs:
        if name == ALL:  # a hint stays off until it is asked for by its name
            levels = {rule.name: Level.IGNORE if rule.level is Level.IGNORE else level for rule in RULES.values()}
    return levels | {name: level for name, level in pairs if name != ALL}


def _parse(setting: str) -> tuple[str, Level]:
    name, equals, level = setting.partition("=")
    allowed = ", ".join(level.value for level in Level)
    if not equals:
        raise UserError(f"--rule {setting}: write NAME=LEVEL, LEVEL one of {allowed}")
    if name != ALL:
        try:
            find_rule(name)
        except UserError as error:
            raise UserError(f"--rule {setting}: {error}") from None
    try:
        return name, Level(level)
    except ValueError:
        raise UserError(f"--rule {setting}: unknown level {level!r}; allowed: {allowed}") from None


def find_rule(name: str) -> Rule:
    """The rule of this name.

    Raises:
        UserError: there is none; names some that are spelled alike.
    """
    if name in RULES:
        return RULES[name]
    alike = difflib.get_close_matches(name, [*RULES, ALL], cutoff=0.5)
    hint = f"did you mean {' or '.join(alike)}?" if alike else "list them with: napi-hil rules"
    raise UserError(f"unknown rule {name!r}; {hint}")


def check_rules(machine: Machine, devices: Iterable[PciDev], settings: Sequence[str]) -> None:
    """Check what the drivers of NICs do from now on; if all rules are ignored the machine has no checker."""
    levels = rule_levels(settings)
    if set(levels.values()) == {Level.IGNORE}:
        return
    checker = Checker(machine, levels)
    for device in devices:
        if not device.msix_vectors:  # the rules know interrupt lines and one ring each way
            observe(checker, device)


def rule_results(checker: Checker | None) -> RuleResults:
    """What was found."""
    if checker is None:
        return RuleResults(checked=0, broken=())
    return RuleResults(
        checked=sum(level is not Level.IGNORE for level in checker.levels.values()),
        broken=tuple(_broken(checker, name, count) for name, count in checker.counts.items()),
    )


def _broken(checker: Checker, name: str, count: int) -> BrokenRule:
    first = tuple(violation for violation in checker.violations if violation.rule.name == name)
    return BrokenRule(name=name, level=checker.levels[name].value, count=count, first=first)


def list_rules() -> str:
    """A line for each rule: number, level, name and what it demands."""
    width = max(map(len, RULES))
    return "\n".join(
        f"{rule.invariant:2}  {rule.level.value:6}  {name:{width}}  {rule.demands}" for name, rule in RULES.items()
    )


def explain_rule(rule: Rule) -> str:
    """All that is known of a rule."""
    lines = {
        "rule": rule.demands,
        "level": f"{rule.level.value}; change it with --rule {rule.name}=" + "|".join(level.value for level in Level),
        "source": rule.source,
        "Linux prints": rule.prints or "nothing",
        "to mend it": rule.mend,
    }
    width = max(map(len, lines)) + 1
    return "\n".join(
        [f"{rule.name} (number {rule.invariant})", *(f"  {what + ':':{width}} {text}" for what, text in lines.items())]
    )
