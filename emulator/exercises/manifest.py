"""The exercises that there are: exercises/manifest.toml, and the folder of each."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emulator.errors import UserError

FOLDER = Path(__file__).resolve().parents[2] / "exercises"

#: Files of an exercise.
README, DRIVER, CHECK, SOLUTION, HINTS = "README.md", "driver.py", "check.py", "solution.py", "hints.md"
WRONG = "wrong.toml"

#: Titles of the parts, by number.
PARTS = {
    1: "Talking to hardware",
    2: "A ring",
    3: "Interrupts",
    4: "NAPI",
    5: "Beyond",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """One exercise.

    Attributes:
        number: for people, and the order.
        name: of its folder, behind the number.
        part: key of PARTS.
        title: one line.
        skeleton: what ``check`` must say of driver.py as it is given: a rule's name, or words of the report.
        wrong: the same of each wrong answer, by its name in wrong.toml.
        hunt: driver.py is a whole driver with a fault; the rules are not named to who looks for it.
        nics, cpus: of the computer.
        queues: of each NIC.
        costs: its cost profile; the latencies of bus and memory vary with the seed.
        latencies: those of bus and memory that are not the profile's, in ns.
        rules: levels of rules other than their own, as ``--rule`` takes them.
        rtl: its check runs on the RTL too.
    """

    number: int
    name: str
    part: int
    title: str
    skeleton: str
    wrong: Mapping[str, str]
    hunt: bool = False
    nics: int = 1
    queues: int = 1
    cpus: int = 1
    costs: str = "modern"
    latencies: Mapping[str, int] = field(default_factory=dict)
    rules: tuple[str, ...] = field(default=())
    rtl: bool = True

    @property
    def label(self) -> str:
        """Number and name, as its folder is called."""
        return f"{self.number:02}_{self.name}"

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return FOLDER / self.label


@functools.cache
def load_manifest() -> tuple[Exercise, ...]:
    """All exercises, by number."""
    tables = tomllib.loads((FOLDER / "manifest.toml").read_text(encoding="utf-8"))["exercise"]
    exercises = [_exercise(table) for table in tables]
    return tuple(sorted(exercises, key=lambda exercise: exercise.number))


def _exercise(table: dict[str, object]) -> Exercise:
    options: dict[str, object] = dict(table)
    options["hunt"] = {"write": False, "hunt": True}[str(options.pop("kind"))]
    options["rules"] = tuple(options.pop("rules", ()))  # type: ignore[arg-type]
    return Exercise(**options)  # type: ignore[arg-type]


def find_exercise(number: int) -> Exercise:
    """The exercise of a number.

    Raises:
        UserError: there is none.
    """
    for exercise in load_manifest():
        if exercise.number == number:
            return exercise
    raise UserError(f"there is no exercise {number}; there are 1 to {len(load_manifest())}: napi-hil exercise list")
