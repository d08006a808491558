"""Hints of an exercise: a ladder, one at a time, from hints.md."""

from __future__ import annotations

from emulator.exercises.manifest import HINTS, Exercise

#: How many each exercise has.
STEPS = 3

_HEADING = "## "


def load_hints(exercise: Exercise) -> list[str]:
    """The hints, first the least: the sections of hints.md, without their headings."""
    text = "\n" + (exercise.folder / HINTS).read_text(encoding="utf-8")
    return [section.partition("\n")[2].strip("\n") for section in text.split("\n" + _HEADING)[1:]]
