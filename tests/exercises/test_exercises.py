"""Every exercise: its files are there, its skeleton and its wrong answers fail as announced, its solution passes."""

from __future__ import annotations

import pytest

from emulator.exercises.manifest import FOLDER, PARTS, Exercise, load_manifest
from emulator.exercises.verify import verify

EXERCISES = load_manifest()


def test_the_manifest_and_the_folders_agree() -> None:
    folders = sorted(path.name for path in FOLDER.iterdir() if path.is_dir() and not path.name.startswith("__"))
    assert [exercise.label for exercise in EXERCISES] == [name for name in folders if name != "template"]
    assert [exercise.part for exercise in EXERCISES] == sorted(exercise.part for exercise in EXERCISES)
    assert {exercise.part for exercise in EXERCISES} <= set(PARTS)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.label)
def test_on_the_model(exercise: Exercise) -> None:
    said: list[str] = []
    assert verify(exercise, rtl=False, say=said.append) == []
    assert len(said) == len(exercise.wrong) + 2
