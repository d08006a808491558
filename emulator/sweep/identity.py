"""What a run's result depends on, as hashes: the same result is not computed twice, and none is taken for another.

A result depends on the scenario, on what its capture and its cost profile hold, and on the sources of the emulator: who
changes the driver and repeats a sweep wants new results.
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from emulator.cost_profiles import load_costs
from emulator.errors import UserError
from emulator.scenario import Scenario

_ROOT = Path(__file__).resolve().parents[2]
_SOURCES = ("hdl", "driver", "emulator")


@dataclass(frozen=True, slots=True)
class Contents:
    """Hashes of what a run reads; machines that have the same compute the same.

    Attributes:
        sources: of the emulator's files.
        capture: of the capture; of nothing if frames are generated.
        costs: of the figures of the cost profile.
    """

    sources: str
    capture: str
    costs: str


def contents_of(scenario: Scenario) -> Contents:
    """What a scenario's run reads on this machine.

    Raises:
        UserError: a file of the scenario cannot be read.
    """
    return Contents(
        sources=_sources(),
        capture="" if scenario.capture is None else _file(scenario.capture),
        costs=_digest(repr(load_costs(scenario.costs)).encode()),
    )


def run_name(scenario: Scenario, contents: Contents) -> str:
    """A name for the result of a run, the same wherever its capture and its cost profile are."""
    settings = scenario.to_dict() | {"capture": contents.capture, "costs": contents.costs}
    return _digest(json.dumps([contents.sources, settings], sort_keys=True).encode())[:32]


@functools.cache
def _sources() -> str:
    """Read once, so that it says which sources this process has, even if the files change later."""
    digest = hashlib.sha256()
    for folder in _SOURCES:
        for path in sorted((_ROOT / folder).rglob("*")):
            if path.is_file() and path.parent.name != "__pycache__":
                digest.update(str(path.relative_to(_ROOT)).encode() + b"\0" + _digest(path.read_bytes()).encode())
    return digest.hexdigest()


def _file(path: str) -> str:
    try:
        status = Path(path).stat()
        return _file_as_of(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None


@functools.lru_cache(maxsize=16)
def _file_as_of(path: str, _mtime_ns: int, _size: int) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
