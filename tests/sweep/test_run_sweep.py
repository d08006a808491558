"""A sweep as a whole, with made-up workers: every row once, and nothing that is kept is done again."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from emulator.errors import UserError
from emulator.report import build_summary
from emulator.scenario import Scenario
from emulator.sweep import run_sweep as module
from emulator.sweep.identity import Contents
from emulator.sweep.result_store import Result
from emulator.sweep.run_sweep import Outcome, run_sweep
from tests.results_of_a_run import RESULTS
from tests.sweep.support import SMALL, sweep_file

ROWS = [("napi", "1"), ("napi", "2"), ("irq", "1"), ("irq", "2")]


class Workers:
    """Does runs at once, the last first; some fail, and some are where everything ends."""

    def __init__(self) -> None:
        self.done: list[Scenario] = []
        self.failing: set[tuple[str, int]] = set()
        self.ending: dict[int, BaseException] = {}  #: after so many runs

    def run_all(
        self, _client: object, runs: Mapping[str, tuple[Scenario, Contents]], _events: object
    ) -> Iterator[tuple[str, Result]]:
        for name, (scenario, _) in reversed(list(runs.items())):
            if len(self.done) in self.ending:
                raise self.ending.pop(len(self.done))
            self.done.append(scenario)
            if (scenario.mode, scenario.seed) in self.failing:
                yield name, Result(error="5 frames lost")
            else:
                yield name, Result(summary=build_summary(scenario, RESULTS))


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    made_up = Workers()
    monkeypatch.setattr(module, "local_workers", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(module, "has_workers", lambda _: True)
    monkeypatch.setattr(module, "run_all", made_up.run_all)
    return made_up


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def varied(table: Path) -> list[tuple[str, str]]:
    return [(row["mode"], row["seed"]) for row in rows(table)]


def test_rows_have_the_order_of_the_file(tmp_path: Path, workers: Workers) -> None:
    table = tmp_path / "table.csv"
    assert run_sweep(sweep_file(tmp_path), table) == Outcome(rows=4, failed=0, done=4)
    assert [(run.mode, str(run.seed)) for run in workers.done] == ROWS[::-1]
    assert varied(table) == ROWS


def test_nothing_is_done_twice(tmp_path: Path, workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "table.csv"
    run_sweep(sweep_file(tmp_path), table)
    before = table.read_bytes()
    table.unlink()

    def no_dask() -> None:
        raise AssertionError("nothing is to be done")

    monkeypatch.setattr(module, "require_dask", no_dask)
    assert run_sweep(sweep_file(tmp_path), table) == Outcome(rows=4, failed=0, done=0)
    assert table.read_bytes() == before
    assert len(workers.done) == 4


def test_a_changed_file_takes_what_fits(tmp_path: Path, workers: Workers) -> None:
    run_sweep(sweep_file(tmp_path), tmp_path / "table.csv")
    changed = SMALL.replace("seed = [1, 2]", "seed = [2, 3, 1]").replace('["napi", "irq"]', '["irq", "napi"]')
    assert run_sweep(sweep_file(tmp_path, changed), tmp_path / "table.csv") == Outcome(rows=6, failed=0, done=2)
    assert {(run.mode, run.seed) for run in workers.done[4:]} == {("irq", 3), ("napi", 3)}
    expected = [(mode, seed) for mode in ("irq", "napi") for seed in "231"]
    assert varied(tmp_path / "table.csv") == expected
    sweep_file(tmp_path, SMALL.replace("count = 20", "count = 21"))
    assert run_sweep(tmp_path / "small.toml", tmp_path / "table.csv").done == 4


@pytest.mark.parametrize("finished", [0, 1, 3])
def test_an_interrupted_sweep_goes_on(tmp_path: Path, workers: Workers, finished: int) -> None:
    workers.ending[finished] = KeyboardInterrupt()
    table = tmp_path / "table.csv"
    with pytest.raises(KeyboardInterrupt, match=f"^{4 - finished} of 4 runs are missing, so there is no table"):
        run_sweep(sweep_file(tmp_path), table)
    assert not table.exists()
    assert run_sweep(sweep_file(tmp_path), table) == Outcome(rows=4, failed=0, done=4 - finished)
    assert len(workers.done) == 4
    assert varied(table) == ROWS


def test_a_damaged_result_is_done_again(tmp_path: Path, workers: Workers) -> None:
    run_sweep(sweep_file(tmp_path), tmp_path / "table.csv")
    results = sorted((tmp_path / "table.runs").iterdir())
    results[1].write_text(results[1].read_text()[:-1])
    results[2].unlink()
    assert run_sweep(sweep_file(tmp_path), tmp_path / "table.csv") == Outcome(rows=4, failed=0, done=2)
    assert varied(tmp_path / "table.csv") == ROWS


def test_a_failed_run_has_its_row_and_is_tried_again(tmp_path: Path, workers: Workers) -> None:
    workers.failing = {("napi", 2)}
    table = tmp_path / "table.csv"
    assert run_sweep(sweep_file(tmp_path), table) == Outcome(rows=4, failed=1, done=4)
    assert [(row["status"], row["error"]) for row in rows(table)] == [
        ("ok", ""),
        ("failed", "5 frames lost"),
        ("ok", ""),
        ("ok", ""),
    ]
    workers.failing.clear()
    assert run_sweep(sweep_file(tmp_path), table) == Outcome(rows=4, failed=0, done=1)
    assert [row["status"] for row in rows(table)] == ["ok"] * 4


def test_equal_runs_are_done_once_and_have_a_row_each(tmp_path: Path, workers: Workers) -> None:
    (tmp_path / "copy.toml").write_text((Path(module.__file__).parents[1] / "costs/modern.toml").read_text())
    path = sweep_file(tmp_path, SMALL + 'costs = ["modern", "copy.toml"]\n')
    assert run_sweep(path, tmp_path / "table.csv") == Outcome(rows=8, failed=0, done=8)
    assert len(workers.done) == 4
    assert [row["costs"] for row in rows(tmp_path / "table.csv")] == ["modern", str(tmp_path / "copy.toml")] * 4


@pytest.mark.parametrize(("finished", "rest"), [(0, "$"), (3, "; 1 of 4 runs are missing")])
def test_workers_that_cannot(tmp_path: Path, workers: Workers, finished: int, rest: str) -> None:
    workers.ending[finished] = UserError("iverilog was not found")
    with pytest.raises(UserError, match=f"^iverilog was not found{rest}"):
        run_sweep(sweep_file(tmp_path), tmp_path / "table.csv")
    assert not (tmp_path / "table.csv").exists()


@pytest.mark.parametrize(
    ("file", "table"), [("small.toml", "small.toml"), ("small.toml", "x.txt"), ("nowhere.toml", "table.csv")]
)
def test_what_is_wrong_writes_nothing(
    tmp_path: Path, workers: Workers, monkeypatch: pytest.MonkeyPatch, file: str, table: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sweep_file(tmp_path).read_text()
    with pytest.raises(UserError):
        run_sweep(Path(file), Path(table))
    assert [path.name for path in tmp_path.iterdir()] == ["small.toml"]
    assert (tmp_path / "small.toml").read_text() == before
    assert not workers.done


def test_without_dask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(UserError, match=r"needs dask\.distributed, which is not installed; type: pip install"):
        run_sweep(sweep_file(tmp_path), tmp_path / "table.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["small.toml"]
