"""A sweep from its file to its table; what is finished is kept, and not done again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

import click

from emulator.errors import UserError
from emulator.scenario import Scenario
from emulator.sweep.identity import Contents, contents_of, run_name
from emulator.sweep.progress import sweep_progress
from emulator.sweep.result_store import SUFFIX, Result, ResultStore
from emulator.sweep.signals import signals_to
from emulator.sweep.sweep_file import Sweep, read_sweep
from emulator.sweep.table import check_table_path, make_row, write_table
from emulator.sweep.workers import cluster_workers, has_workers, local_workers, require_dask, run_all

if TYPE_CHECKING:
    from emulator.sweep.workers import Events


@dataclass(frozen=True, slots=True)
class Outcome:
    """Rows of the table, the failed ones among them, and how many runs were done for it now."""

    rows: int
    failed: int
    done: int


@dataclass(frozen=True, slots=True)
class _Run:
    """A run with the name of its result, and what is special about it for people."""

    name: str
    scenario: Scenario
    contents: Contents
    label: str


def run_sweep(file: Path, table: Path, *, workers: int | None = None, cluster: str | None = None) -> Outcome:
    """Do the runs of a sweep that are missing or have failed, then write its table.

    Arguments:
        file: the sweep file.
        table: the file to write, CSV or Parquet; results are kept in a folder beside it.
        workers: how many processes on this machine; None for one per core.
        cluster: address of a Dask scheduler, whose workers are used instead.

    Raises:
        UserError: the sweep file or an argument is wrong, or the workers cannot do the runs.
        KeyboardInterrupt: its text says what is missing.
    """
    check_table_path(table)
    if table.absolute() == file.absolute():
        raise UserError(f"--out {table}: is the sweep file itself; choose another name")
    runs = list(_runs(read_sweep(file)))
    store = ResultStore(table.with_suffix(SUFFIX))
    results = {run.name: result for run in runs if (result := store.get(run.name)) and result.summary is not None}
    missing = {run.name: run for run in runs if run.name not in results}

    def keep(name: str, result: Result) -> None:
        store.put(name, result)
        results[name] = result

    try:
        if missing:
            _do(missing, keep, workers, cluster)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_unfinished(missing.keys() - results.keys(), runs)) from None
    except UserError as error:
        if not missing.keys() & results.keys():
            raise
        raise UserError(f"{error}; {_unfinished(missing.keys() - results.keys(), runs)}") from None
    write_table(table, [make_row(run.scenario, results[run.name]) for run in runs])
    failed = sum(results[run.name].summary is None for run in runs)
    return Outcome(rows=len(runs), failed=failed, done=sum(run.name in missing for run in runs))


def _runs(sweep: Sweep) -> Iterator[_Run]:
    for scenario in sweep.scenarios:
        contents = contents_of(scenario)
        settings = scenario.to_dict()
        label = " ".join(f"{name}={settings[name]}" for name in sweep.axes)
        yield _Run(run_name(scenario, contents), scenario, contents, label)


def _do(
    missing: Mapping[str, _Run], keep: Callable[[str, Result], None], workers: int | None, cluster: str | None
) -> None:
    """Do runs, and keep the result of each as it is finished."""
    require_dask()
    events: Events = SimpleQueue()
    with contextlib.ExitStack() as cluster_stack, signals_to(events):
        client = cluster_stack.enter_context(
            cluster_workers(cluster) if cluster else local_workers(workers, len(missing))
        )
        if not has_workers(client):
            click.echo(f"no worker at {cluster} yet, waiting for one; start it with: dask worker {cluster}", err=True)
        tasks = {name: (run.scenario, run.contents) for name, run in missing.items()}
        with sweep_progress(len(missing)) as report:
            for name, result in run_all(client, tasks, events):
                keep(name, result)
                report(missing[name].label, result.error)


def _unfinished(names: Collection[str], runs: Collection[_Run]) -> str:
    missing = sum(run.name in names for run in runs)
    return f"{missing} of {len(runs)} runs are missing, so there is no table; the same command goes on with them"
