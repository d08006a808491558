"""The user's folder: the exercises that were started, and how far he is. Nothing of his is ever overwritten."""

from __future__ import annotations

import itertools
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from emulator.errors import UserError
from emulator.exercises.manifest import DRIVER, README, Exercise, load_manifest

DEFAULT = "exercises-work"

#: Folder of an exercise's last run on the RTL, in the exercise's own.
RUN = "run"

_PROGRESS = "progress.json"
_COMMAND = "napi-hil exercise"


@dataclass(slots=True)
class Progress:
    """How far somebody is with an exercise.

    Attributes:
        checks: how often it was checked.
        passed: whether it ever passed.
        hints: hints that were shown.
        seen_solution: the solution was shown before it passed.
    """

    checks: int = 0
    passed: bool = False
    hints: int = 0
    seen_solution: bool = False


class WorkFolder:
    """A folder that holds exercises that were started."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._progress = self._read()

    def folder(self, exercise: Exercise) -> Path:
        """Of an exercise."""
        return self.path / exercise.label

    def driver(self, exercise: Exercise) -> Path:
        """The user's driver.

        Raises:
            UserError: the exercise was not started, or the file is not there.
        """
        number = exercise.number
        folder = self.folder(exercise)
        if not folder.is_dir():
            place = self.path.absolute()
            raise UserError(
                f"exercise {number} is not started in {place}; type: {_COMMAND} start {number}{self._option}"
            )
        driver = folder / DRIVER
        if not driver.is_file():
            raise UserError(
                f"{driver}: not there; to begin anew with the exercise's own: {_COMMAND} reset {number}{self._option}"
            )
        return driver

    def started(self, exercise: Exercise) -> bool:
        """Whether it was."""
        return self.folder(exercise).is_dir()

    def start(self, exercise: Exercise) -> list[Path]:
        """Put the files of an exercise in place that are not there yet; returns them."""
        folder = self.folder(exercise)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{folder}: {error.strerror}; choose another folder with --work DIR") from None
        made = []
        for name in (README, DRIVER):
            if not (folder / name).exists():
                shutil.copyfile(exercise.folder / name, folder / name)
                made.append(folder / name)
        return made

    def reset(self, exercise: Exercise) -> Path | None:
        """Put the exercise's own driver in place; returns where the user's is now, None if there was none."""
        folder = self.folder(exercise)
        driver = folder / DRIVER
        kept = None
        if driver.exists():
            kept = next(name for n in itertools.count(1) if not (name := folder / f"driver.{n}.py").exists())
            driver.rename(kept)
        self.start(exercise)
        return kept

    def current(self) -> Exercise:
        """The first that was started and has not passed; else the last that was started.

        Raises:
            UserError: none was started.
        """
        started = [exercise for exercise in load_manifest() if self.started(exercise)]
        if not started:
            raise UserError(f"no exercise is started in {self.path.absolute()}; type: {_COMMAND} start 1{self._option}")
        return next((exercise for exercise in started if not self.progress(exercise).passed), started[-1])

    def next(self) -> Exercise | None:
        """The first that was started and has not passed; else the one behind those started; None if all have passed."""
        left = [exercise for exercise in load_manifest() if not self.progress(exercise).passed]
        begun = [exercise for exercise in left if self.started(exercise)]
        last = max((exercise.number for exercise in load_manifest() if self.started(exercise)), default=0)
        behind = [exercise for exercise in left if exercise.number > last]
        return next(iter(begun or behind or left), None)

    def progress(self, exercise: Exercise) -> Progress:
        """How far he is."""
        return self._progress.setdefault(exercise.label, Progress())

    def save(self) -> None:
        """Keep what was changed in a Progress."""
        kept = {label: asdict(progress) for label, progress in self._progress.items() if progress != Progress()}
        self.path.mkdir(parents=True, exist_ok=True)
        fresh = self.path / f".{_PROGRESS}"
        fresh.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
        fresh.replace(self.path / _PROGRESS)

    def _read(self) -> dict[str, Progress]:
        file = self.path / _PROGRESS
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"{self.path}: not a folder; choose another with --work DIR")
        if not file.exists():
            return {}
        try:
            return {label: Progress(**table) for label, table in json.loads(file.read_text(encoding="utf-8")).items()}
        except (ValueError, TypeError, AttributeError, OSError):
            raise UserError(f"{file}: cannot be read as progress; delete it: only what was done is forgotten") from None

    @property
    def _option(self) -> str:
        return "" if self.path == Path(DEFAULT) else f" --work {self.path}"
