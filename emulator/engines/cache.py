"""The build cache below build/cache: what is built for the engines, each thing once for what it was built from.

A folder's name has the hash of all that it depends on. It is made under another name and then renamed, so what is there
is complete; a manifest in it tells whether it still is.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from filelock import FileLock

#: Where everything goes that is made here.
BUILD = Path(__file__).resolve().parents[2] / "build"

_MANIFEST = "manifest.json"


def cached_folder(
    name: str, files: Iterable[Path], parameters: Mapping[str, object], make: Callable[[Path], object]
) -> Path:
    """A folder that ``make`` has filled, named by what these files and parameters hold.

    Processes that ask for the same one at once wait for the first of them. A folder of which a file is missing or was
    changed is made anew. If ``make`` raises, there is no folder.

    Arguments:
        name: what the folder's name begins with; no dots.
        files: sources; their names and contents count, not where they are.
        parameters: everything else that counts: options, versions of tools; values whose repr says what they are.
        make: fills an empty folder; all that it leaves there is kept. It may write a log to `log_of` the folder.
    """
    folder = BUILD / "cache" / f"{name}-{_digest(files, parameters)}"
    if _is_intact(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not _is_intact(folder):
            _make(folder, make)
    return folder


def log_of(folder: Path) -> Path:
    """The log of the making of a folder, beside it; it stays if the making fails."""
    return folder.with_suffix(".log")


def _make(folder: Path, make: Callable[[Path], object]) -> None:
    unfinished = folder.with_suffix(".unfinished")
    for leftover in (unfinished, folder):  # of a process that was killed; or damaged
        shutil.rmtree(leftover, ignore_errors=True)
    unfinished.mkdir()
    try:
        make(unfinished)
        (unfinished / _MANIFEST).write_text(json.dumps(_sums(unfinished)))
        unfinished.rename(folder)
        log_of(folder).unlink(missing_ok=True)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _digest(files: Iterable[Path], parameters: Mapping[str, object]) -> str:
    digest = hashlib.sha256(repr(sorted(parameters.items())).encode())
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def _is_intact(folder: Path) -> bool:
    """Whether the folder is there with everything that its manifest names."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        return bool(manifest) and all(_sum(folder / name) == value for name, value in manifest.items())
    except (OSError, ValueError, AttributeError):
        return False


def _sums(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): _sum(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
