"""Measurements in processes of their own, and the figures of several rounds of them."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from emulator.errors import RunFailed
from emulator.scenario import Scenario


def in_child(what: str, argument: str) -> dict[str, float]:
    """What child.py measures.

    Raises:
        RunFailed: it could not be measured.
    """
    command = [sys.executable, "-m", "emulator.bench.child", what, argument]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunFailed(f"measuring {what} {argument}: {done.stderr.strip()}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def run_in_child(scenario: Scenario) -> dict[str, float]:
    """A run of a scenario."""
    return in_child("run", scenario.to_json())


@dataclass
class Measurement:
    """Something that is measured once in each round.

    Attributes:
        name: what it is.
        measure: does it once; figures by name.
        rounds: the figures of each round.
    """

    name: str
    measure: Callable[[], dict[str, float]]
    rounds: list[dict[str, float]] = field(default_factory=list)

    def median(self, figure: str) -> float:
        """The median of a figure over all rounds."""
        return statistics.median(values[figure] for values in self.rounds)

    def ratio(self, other: Measurement, figure: str) -> float:
        """The median of the quotients of a figure and another measurement's in the same round."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return statistics.median(mine[figure] / its[figure] for mine, its in pairs)
