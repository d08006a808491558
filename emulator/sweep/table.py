"""The table of a sweep: one row per run, as CSV or Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from emulator.errors import UserError
from emulator.scenario import Scenario
from emulator.sweep.result_store import Result, write_whole
from emulator.sweep.sweep_file import SETTINGS

Row = Mapping[str, Any]


def make_row(scenario: Scenario, result: Result) -> Row:
    """The settings of a run, what became of it, and its summary.

    Keys of the summary are joined with dots, places of a list count from 0: ``frames.dropped.backlog``,
    ``cpu.0.softirq``.
    """
    settings = {name: getattr(scenario, name) for name in SETTINGS}
    settings["generate"] = ",".join(map(str, scenario.generate)) or None
    settings["set"] = " ".join(scenario.set) or None
    settings["rule"] = " ".join(scenario.rule) or None
    outcome = {"status": "failed" if result.summary is None else "ok", "error": result.error}
    measured = {key: value for key, value in (result.summary or {}).items() if key not in ("failed", "scenario")}
    if "rules" in measured:
        measured["rules"] = {key: value for key, value in measured["rules"].items() if key != "violations"}
    return settings | outcome | dict(_flat(measured, ""))


def _flat(value: object, name: str) -> Iterator[tuple[str, object]]:
    match value:
        case dict():
            items: Iterator[tuple[object, object]] = iter(value.items())
        case list():
            items = iter(enumerate(value))
        case _:
            yield name, value
            return
    for key, inner in items:
        yield from _flat(inner, f"{name}.{key}" if name else str(key))


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Write the table in the format of the file's suffix; the file is there and whole, or as it was."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    write_whole(path, _FORMATS[path.suffix](columns, rows))


def check_table_path(path: Path) -> None:
    """Make sure that a table can be written there.

    Raises:
        UserError: it cannot.
    """
    if path.suffix not in _FORMATS:
        raise UserError(f"--out {path}: unknown format; the name must end in {' or '.join(_FORMATS)}")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UserError(f"--out {path}: not a file in an existing directory")
    if path.suffix == ".parquet":
        try:
            import pyarrow  # noqa: F401, PLC0415
        except ImportError:
            hint = "write a .csv, or type: pip install 'napi-hil[sweep]'"
            raise UserError(f"--out {path}: needs pyarrow, which is not installed; {hint}") from None


def _csv(columns: list[str], rows: Sequence[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _parquet(columns: list[str], rows: Sequence[Row]) -> bytes:
    import pyarrow  # noqa: PLC0415  (an extra)
    from pyarrow import parquet  # noqa: PLC0415

    arrays = []
    for name in columns:
        array = pyarrow.array([row.get(name) for row in rows])
        if array.type == pyarrow.null():  # nobody has it; readers who join two sweeps want a type nevertheless
            array = array.cast(pyarrow.string() if name in _TEXTS else pyarrow.int64())
        arrays.append(array)
    sink = io.BytesIO()
    parquet.write_table(pyarrow.table(arrays, names=columns), sink)
    return sink.getvalue()


#: Columns of text that may be empty throughout.
_TEXTS = ("capture", "generate", "timing", "set", "rule", "error")

_FORMATS: Mapping[str, Callable[[list[str], Sequence[Row]], bytes]] = {".csv": _csv, ".parquet": _parquet}
