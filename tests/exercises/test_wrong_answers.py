"""wrong.toml: the drivers that it makes, and what is said when it is not as it should be."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from emulator.errors import UserError
from emulator.exercises import manifest
from emulator.exercises.manifest import DRIVER, SOLUTION, WRONG, Exercise, find_exercise
from emulator.exercises.verify import complaints_about_files
from emulator.exercises.wrong_answers import load_wrong_answers

RIGHT = "one\ntwo\ntwo\nthree\n"


@pytest.fixture
def exercise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Exercise:
    """An exercise in a folder of its own."""
    made = dataclasses.replace(find_exercise(1), name="made")
    monkeypatch.setattr(manifest, "FOLDER", tmp_path)
    made.folder.mkdir()
    (made.folder / SOLUTION).write_text(RIGHT)
    (made.folder / DRIVER).write_text("skeleton\n")
    return made


def load(exercise: Exercise, text: str) -> dict[str, str]:
    (exercise.folder / WRONG).write_text(text)
    return load_wrong_answers(exercise)


def test_changes_are_made_one_after_the_other(exercise: Exercise) -> None:
    text = """
        [[a]]
        before = "one"
        after = "1"
        [[a]]
        before = "1\\ntwo\\n"
        after = ""
        [[b]]
        before = "three"
        after = "3"
    """
    assert load(exercise, text) == {"a": "two\nthree\n", "b": "one\ntwo\ntwo\n3\n"}


def test_of_names_another_file(exercise: Exercise) -> None:
    text = 'of = "driver.py"\n[[a]]\nbefore = "skeleton"\nafter = "bones"'
    assert load(exercise, text) == {"a": "bones\n"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[[a]]\nbefore = "four"\nafter = ""', "a: 0 places with 'four', not one"),
        ('[[a]]\nbefore = "two"\nafter = ""', "a: 2 places with 'two', not one"),
        ('[[a]]\nbefore = "one"', "a: a change has before and after, and nothing else"),
        ('[a]\nbefore = "one"\nafter = ""', "a: must be an array of tables; write [[...]]"),
        ("[[a]", "not TOML: Expected ']]' at the end of an array declaration (at line 1, column 4)"),
    ],
)
def test_what_is_wrong_and_where(exercise: Exercise, text: str, complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        load(exercise, text)
    assert str(caught.value) == f"01_made/wrong.toml: {complaint}"


def test_names_that_the_manifest_does_not_have() -> None:
    first = find_exercise(1)
    (complaint,) = complaints_about_files(dataclasses.replace(first, wrong={**first.wrong, "new": "words"}))
    assert complaint.startswith("01_read_status: the manifest lists ")
    assert "'new', " in complaint.split(", wrong.toml has ")[0]
