"""Keeps the result of each run of a sweep as a file of its own, from the moment it is there."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SUFFIX = ".runs"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a run: one of the two is None.

    Attributes:
        summary: content of its summary.json.
        error: why it failed.
    """

    summary: dict[str, Any] | None = None
    error: str | None = None


class ResultStore:
    """A folder with one JSON file per run. Kill the process at any time: a file is there and whole, or not there."""

    def __init__(self, folder: Path) -> None:
        """The folder is made for the first result."""
        self._folder = folder

    def put(self, name: str, result: Result) -> None:
        """Keep the result of a run, in place of one that is there."""
        self._folder.mkdir(exist_ok=True)
        write_whole(self._folder / f"{name}.json", json.dumps(asdict(result)).encode())

    def get(self, name: str) -> Result | None:
        """The result of a run; None if there is none, or if somebody has damaged it."""
        try:
            return Result(**json.loads((self._folder / f"{name}.json").read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that after a crash it has its old content or the new one, whole."""
    unfinished = path.with_name(f".{path.name}.unfinished-{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
