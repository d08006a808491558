"""The table: one row per run, with everything that the summary has."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from pyarrow import parquet

from emulator.errors import UserError
from emulator.report import build_summary
from emulator.scenario import Scenario
from emulator.sweep.result_store import Result
from emulator.sweep.sweep_file import SETTINGS
from emulator.sweep.table import check_table_path, make_row, write_table
from tests.results_of_a_run import RESULTS

SCENARIO = Scenario(generate=(60, 1514), count=5)
GOOD = make_row(SCENARIO, Result(summary=build_summary(SCENARIO, RESULTS)))
FAILED = make_row(Scenario(capture="some, file.pcap"), Result(error="5 frames lost"))


def test_a_row() -> None:
    names = list(GOOD)
    assert names[: len(SETTINGS) + 2] == [*SETTINGS, "status", "error"]
    assert GOOD["generate"] == "60,1514"
    assert GOOD["capture"] is None
    assert (GOOD["status"], GOOD["error"]) == ("ok", None)
    assert GOOD["frames.dropped.backlog"] == RESULTS.frames.backlog
    assert GOOD["cpu.0.softirq"] == RESULTS.cpus[0].softirq
    assert GOOD["latency_ns.p99"] == 33_000_000
    assert GOOD["time.wall_s"] == 2.5
    assert not [name for name in names if name.startswith("scenario")]


def test_a_row_of_a_failed_run() -> None:
    assert list(FAILED) == [*SETTINGS, "status", "error"]
    assert (FAILED["status"], FAILED["error"]) == ("failed", "5 frames lost")


@pytest.mark.parametrize("rows", [[GOOD, FAILED], [FAILED, GOOD]])
def test_csv(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    path = tmp_path / "table.csv"
    write_table(path, rows)
    with path.open(newline="") as file:
        read = list(csv.DictReader(file))
    texts = [{name: str(row.get(name, "")).replace("None", "") for name in GOOD} for row in rows]
    assert read == texts


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    write_table(path, [GOOD, FAILED])
    table = parquet.read_table(path)
    assert table.to_pylist() == [GOOD, {**dict.fromkeys(GOOD), **FAILED}]
    types = dict(zip(table.schema.names, map(str, table.schema.types), strict=True))
    assert (types["count"], types["pps"], types["timing"], types["time.wall_s"]) == (
        ("int64", "int64", "string", "double")
    )


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("table.xlsx", r"unknown format; the name must end in \.csv or \.parquet"),
        ("table", "unknown format"),
        ("nowhere/table.csv", "not a file in an existing directory"),
        ("folder.csv", "not a file in an existing directory"),
    ],
)
def test_where_no_table_can_be(tmp_path: Path, name: str, complaint: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UserError, match=complaint):
        check_table_path(tmp_path / name)


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    check_table_path(tmp_path / "table.csv")
    with pytest.raises(UserError, match="needs pyarrow, which is not installed"):
        check_table_path(tmp_path / "table.parquet")
