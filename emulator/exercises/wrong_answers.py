"""The wrong answers of an exercise: drivers that are its solution but for the changes in wrong.toml.

Each table of an array ``[[name]]`` is a change of the answer of that name: ``before`` stands in the solution once, and
becomes ``after``. ``of`` at the top names another file than the solution.
"""

from __future__ import annotations

import tomllib

from emulator.errors import UserError
from emulator.exercises.manifest import SOLUTION, WRONG, Exercise

_OF = "of"
_CHANGE = {"before", "after"}


def load_wrong_answers(exercise: Exercise) -> dict[str, str]:
    """The source of each wrong answer, by its name.

    Raises:
        UserError: wrong.toml is not as it should be; names the file and, if it can, the answer.
    """
    file = f"{exercise.label}/{WRONG}"
    try:
        tables = tomllib.loads((exercise.folder / WRONG).read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{file}: not TOML: {error}") from None
    right = (exercise.folder / str(tables.pop(_OF, SOLUTION))).read_text(encoding="utf-8")
    return {name: _changed(right, changes, f"{file}: {name}") for name, changes in tables.items()}


def _changed(source: str, changes: object, where: str) -> str:
    """A source with all changes."""
    if not isinstance(changes, list):
        raise UserError(f"{where}: must be an array of tables; write [[...]]")
    for change in changes:
        if not isinstance(change, dict) or change.keys() != _CHANGE:
            raise UserError(f"{where}: a change has before and after, and nothing else")
        before, after = str(change["before"]), str(change["after"])
        if (places := source.count(before)) != 1:
            raise UserError(f"{where}: {places} places with {before!r}, not one")
        source = source.replace(before, after)
    return source
