"""The progress of a sweep on stderr: a bar on a terminal, else a line per run."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

#: Called for each finished run with what is special about it, and why it failed or None.
Report = Callable[[str, str | None], None]


@contextlib.contextmanager
def sweep_progress(total: int) -> Iterator[Report]:
    """Show how far a sweep is while the body runs; ``total`` runs are to be done."""
    if not sys.stderr.isatty():
        yield _lines(total)
        return
    columns = (TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("runs", total=total)

        def report(run: str, error: str | None) -> None:
            if error is not None:
                bars.console.print(Text(f"{run}: failed: {error}"), soft_wrap=True)
            bars.advance(task)

        yield report


def _lines(total: int) -> Report:
    done = 0

    def report(run: str, error: str | None) -> None:
        nonlocal done
        done += 1
        click.echo(f"{done}/{total} {run}: {'done' if error is None else f'failed: {error}'}", err=True)

    return report
