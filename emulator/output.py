"""The directory of a run: files appear in it only when the run has come to its end, good or bad."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from emulator.errors import UserError

SUMMARY = "summary.json"
DELIVERED = "delivered.pcapng"
SENT = "sent.pcapng"
WAVES = "waves.fst"
SAVE_FILE = "waves.gtkw"
TRACE = "trace.txt"
PROC = "proc"  #: a directory
FILES = (SUMMARY, DELIVERED, SENT, WAVES, SAVE_FILE, TRACE, PROC)


@contextlib.contextmanager
def output_directory(path: Path) -> Iterator[Path]:
    """A new directory beside ``path`` for a run to write to; its files replace those in ``path`` at the end.

    So it is, too, with what a run has written that fails. If it does not take place, because of what the user asked for
    or because he stops it, nothing is left of it, and ``path`` is as it was.

    Raises:
        UserError: ``path`` cannot be written, or holds something that no run has written.
    """
    path = path.absolute()
    check_output_directory(path)
    made = [parent for parent in path.parents if not parent.exists()]
    unfinished = path.parent / f".{path.name}.unfinished-{os.getpid()}"
    try:
        unfinished.mkdir(parents=True)
    except OSError as error:
        raise UserError(f"--out {path}: {error.strerror}; choose another directory") from None
    try:
        try:
            yield unfinished
        except UserError:
            raise
        except Exception:
            if any(unfinished.iterdir()):
                _publish(unfinished, path)
                made = []
            raise
        _publish(unfinished, path)
        made = []
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        for parent in made:
            with contextlib.suppress(OSError):  # somebody else has put something there
                parent.rmdir()


def check_output_directory(path: Path) -> None:
    """A run may write to a directory that does not exist, is empty, or holds nothing but the files of a run.

    Raises:
        UserError: it may not.
    """
    if not path.exists():
        return
    if not path.is_dir():
        raise UserError(f"--out {path}: not a directory; choose another name")
    try:
        foreign = sorted(entry.name for entry in path.iterdir() if entry.name not in FILES)
    except OSError as error:
        raise UserError(f"--out {path}: {error.strerror}; choose another directory") from None
    if foreign:
        raise UserError(f"--out {path}: holds {foreign[0]}, which no run has written; choose an empty or new directory")


def _publish(unfinished: Path, path: Path) -> None:
    """Move the files of the run into place, and remove what an earlier run left there."""
    path.mkdir(exist_ok=True)
    for name in FILES:
        if (path / name).is_dir():
            shutil.rmtree(path / name)
        else:
            (path / name).unlink(missing_ok=True)
        if (unfinished / name).exists():
            shutil.move(unfinished / name, path / name)
