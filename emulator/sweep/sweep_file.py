"""Sweep files: TOML with fixed scenario settings and axes; the cross product of the axes is what is run.

docs/sweeps.md describes the format.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, get_type_hints

from emulator.cost_profiles import profile_names
from emulator.errors import UserError
from emulator.scenario import BUNDLED_CAPTURE, Scenario, parse_rate, parse_sizes
from emulator.sweep.toml_lines import line_of, line_of_error
from emulator.traffic import check_traffic

FIXED = "scenario"
AXES = "axes"

#: Files of a run; a sweep keeps its summary only.
FILES_OF_A_RUN = ("waves", "trace", "frames")

_TYPES = get_type_hints(Scenario)

#: What a sweep may set: the fields of Scenario.
SETTINGS = tuple(field.name for field in dataclasses.fields(Scenario) if field.name not in FILES_OF_A_RUN)

#: Settings with which two scenarios have the same traffic.
_TRAFFIC = ("capture", "generate", "count", "rate", "pps", "timing", "repeat", "nics", "flows")


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep file that was found to be right.

    Attributes:
        axes: names of the settings that vary, in the order of the file.
        scenarios: one per run, in the order of the cross product; the last axis varies fastest.
    """

    axes: tuple[str, ...]
    scenarios: tuple[Scenario, ...]


def read_sweep(path: Path) -> Sweep:
    """Read a sweep file and check every run of it.

    Raises:
        UserError: the file cannot be read or is wrong; names the file and, if it can, the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not TOML: byte {error.start} is not UTF-8") from None
    return _SweepFile(path, text).sweep()


class _SweepFile:
    """The text of a sweep file, and what is said of it."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text

    def sweep(self) -> Sweep:
        try:
            tables = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            self._refuse(line_of_error(self._text, error), f"not TOML: {error}")
        self._check_tables(tables)
        fixed = {name: self._value(FIXED, name, raw) for name, raw in tables.get(FIXED, {}).items()}
        axes = {name: self._axis(name, raw, fixed) for name, raw in tables[AXES].items()}
        return Sweep(tuple(axes), tuple(self._scenarios(fixed, axes)))

    def _check_tables(self, tables: Mapping[str, Any]) -> None:
        for name, table in tables.items():
            if name not in (FIXED, AXES):
                self._refuse(line_of(self._text, name), f"unknown key {name!r}; allowed: tables [{FIXED}] and [{AXES}]")
            if not isinstance(table, dict):
                self._refuse(line_of(self._text, name), f"{name}: must be a table; write [{name}]")
        if not tables.get(AXES):
            line = line_of(self._text, AXES) if AXES in tables else len(self._text.splitlines()) or 1
            self._refuse(
                line, f'no axes; write [{AXES}] and at least one list under it, such as mode = ["napi", "irq"]'
            )

    def _axis(self, name: str, raw: object, fixed: Mapping[str, Any]) -> list[Any]:
        self._check_name(AXES, name)
        if name in fixed:
            self._refuse_key(AXES, name, f"stands in [{FIXED}] too; remove one of them")
        if not isinstance(raw, list):
            self._refuse_key(AXES, name, f"an axis is a list; write {name} = [VALUE, VALUE], or move it to [{FIXED}]")
        if not raw:
            self._refuse_key(AXES, name, f"the list is empty; give at least one value, or remove {name}")
        values = [self._value(AXES, name, value) for value in raw]
        for index, value in enumerate(values):
            if value in values[:index]:
                self._refuse_key(AXES, name, f"{_toml(raw[index])} stands twice in the list; each run is done once")
        return values

    def _check_name(self, table: str, name: str) -> None:
        if name in FILES_OF_A_RUN:
            self._refuse_key(table, name, f"a sweep keeps no {name}; use napi-hil run --{name} for one of its runs")
        if name not in SETTINGS:
            self._refuse(line_of(self._text, table, name), f"unknown key {name!r}; allowed: {', '.join(SETTINGS)}")

    def _value(self, table: str, name: str, raw: object) -> Any:  # noqa: ANN401  (a field of Scenario)
        """The setting as Scenario takes it."""
        self._check_name(table, name)
        try:
            match raw:
                case str() if name == "rate":
                    return parse_rate(raw)
                case str() if name == "generate":
                    return parse_sizes(raw)
        except UserError as error:
            self._refuse(line_of(self._text, table, name), _without_dashes(str(error)))
        if name == "set":
            if isinstance(raw, list) and all(type(setting) is str for setting in raw):
                return tuple(raw)
            self._refuse_key(table, name, f'{_toml(raw)}: must be a list such as ["net.core.netdev_budget=600"]')
        if name == "rule":
            settings = raw if isinstance(raw, list) else [raw]
            if all(isinstance(setting, str) for setting in settings):
                return tuple(settings)
            self._refuse_key(table, name, f'{_toml(raw)}: must be a list of texts such as ["all=ignore"]')
        if name == "generate":
            if isinstance(raw, list) and raw and all(type(size) is int for size in raw):
                return tuple(raw)
            self._refuse_key(table, name, f"{_toml(raw)}: must be a list of frame sizes such as [60, 1514]")
        wanted, words = (int, "a whole number") if _is(name, int) else (str, "a text in quotes")
        if type(raw) is not wanted:
            self._refuse_key(table, name, f"{_toml(raw)}: must be {words}")
        return self._absolute(name, raw) if isinstance(raw, str) else raw

    def _absolute(self, name: str, value: str) -> str:
        """Paths in the file count from its folder."""
        is_path = name == "capture" or (
            name == "costs" and value not in profile_names() and ("/" in value or value.endswith(".toml"))
        )
        return str(self._path.absolute().parent / value) if is_path else value

    def _scenarios(self, fixed: Mapping[str, Any], axes: Mapping[str, list[Any]]) -> Iterator[Scenario]:
        unwritten: dict[str, Any] = dict.fromkeys(FILES_OF_A_RUN, False)
        if not {"capture", "generate"} & (fixed.keys() | axes.keys()):
            unwritten["capture"] = str(BUNDLED_CAPTURE)
        checked: set[tuple[Any, ...]] = set()
        for combination in itertools.product(*axes.values()):
            settings = {**fixed, **dict(zip(axes, combination, strict=True))}
            try:
                scenario = Scenario(**settings, **unwritten)
                traffic = tuple(getattr(scenario, name) for name in _TRAFFIC)
                if traffic not in checked:  # it may mean to read a long capture
                    check_traffic(scenario)
                    checked.add(traffic)
            except UserError as error:
                self._refuse(self._line_to_blame(str(error), settings, axes), _without_dashes(str(error)))
            yield scenario

    def _line_to_blame(self, message: str, settings: Mapping[str, Any], axes: Mapping[str, Any]) -> int:
        """The line of the first setting that a message of Scenario names, or else whose value it tells."""
        named = [name for name in re.findall(r"--(\w+)", message) if name in settings]
        told = [name for name, value in settings.items() if isinstance(value, str) and value in message]
        for name in named + told:
            return line_of(self._text, AXES if name in axes else FIXED, name)
        return line_of(self._text, AXES)

    def _refuse_key(self, table: str, name: str, message: str) -> NoReturn:
        self._refuse(line_of(self._text, table, name), f"{name}: {message}")

    def _refuse(self, line: int, message: str) -> NoReturn:
        raise UserError(f"{self._path}:{line}: {message}")


def _is(name: str, kind: type) -> bool:
    """Whether a field of Scenario is of a type, or None."""
    return _TYPES[name] in (kind, kind | None)


def _toml(value: object) -> str:
    """A value about as it stands in the file."""
    return json.dumps(value, default=str)


def _without_dashes(message: str) -> str:
    """A message of Scenario, which speaks of options, for somebody who writes keys."""
    return re.sub(rf"--({'|'.join(_TYPES)})\b", r"\1", message)
