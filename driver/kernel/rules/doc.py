"""Renders docs/rules.md from the catalogue: ``python -m driver.kernel.rules.doc``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from driver.kernel.rules.catalogue import RULES
from driver.kernel.rules.rule import Rule

#: The document.
PATH = Path(__file__).parents[3] / "docs" / "rules.md"

_HEADER = """\
# Rules for drivers

Rendered from `driver/kernel/rules` by `python -m driver.kernel.rules.doc`; do not edit.

While a run goes on, the kernel model watches what the driver does. When it breaks a rule at level *error* the run ends
there, with the driver's line, the simulated time and what to mend; its files are complete up to that point, and
`summary.json` says under `failed` why they are those of a failed run. What breaks a rule at level *warn* is noted and
counted under `rules`. The table has the usual levels; `napi-hil run --rule NAME=ignore|warn|error` sets others, and
`--rule all=ignore` switches checking off. `napi-hil rules NAME` explains a rule.

In tests of a driver of your own: `Checker(machine)` (`driver/kernel/rules/checker.py`) before the driver is probed.

Numbers are those of the invariants that the kernel model is built to; some have several rules.
"""

#: The invariants by what they are about: first number and title.
_CHAPTERS = {
    1: "Scheduling and masking",
    15: "Interrupt handler and line",
    25: "Rings, ownership, ordering",
    37: "DMA API",
    44: "Transmission, packets, lifetime",
}


def render() -> str:
    """The document's text."""
    return "\n".join([_HEADER, *_overview(), *(line for rule in RULES.values() for line in _section(rule))])


def _overview() -> Iterator[str]:
    chapters = dict(_CHAPTERS)
    for rule in RULES.values():
        started = [number for number in chapters if number <= rule.invariant]
        if started:
            yield from (
                "",
                f"**{chapters[started[-1]]}**",
                "",
                "| | rule | level | a driver must see to it that |",
                "|---|---|---|---|",
            )
        for number in started:
            del chapters[number]
        yield f"| {rule.invariant} | [{rule.name}](#{rule.name}) | {rule.level.value} | {rule.demands} |"
    yield ""


def _section(rule: Rule) -> Iterator[str]:
    yield f"## {rule.name}"
    yield ""
    yield f"- the rule: {rule.demands} ({rule.source})"
    if rule.prints:
        yield f"- Linux prints: `{rule.prints}`"
    yield f"- to mend it: {rule.mend}"
    yield ""


if __name__ == "__main__":
    PATH.write_text(render())
