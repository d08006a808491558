"""``python -m emulator.bench``, or `make bench`: how fast the engines are, and how far from the limit of each.

Runs alternate, so that all see the same machine. The table has medians; the values of all rounds go to a file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import click
from rich.console import Console

from emulator.bench import report
from emulator.bench.measure import Measurement
from emulator.bench.suite import build_measurements, engine_measurements, scaling_measurements
from emulator.engines.cache import BUILD
from emulator.errors import RunFailed, UserError

RESULTS = BUILD / "bench"
PARTS = ("engines", "builds", "scaling")


@click.command()
@click.option("--rounds", default=5, type=click.IntRange(min=1), show_default=True, help="Runs of each measurement.")
@click.option("--scale", default=1.0, show_default=True, help="Length of the runs; less than 1 for a quick look.")
@click.option("--part", type=click.Choice(PARTS), multiple=True, help="Measure only this. All take half an hour.")
def main(rounds: int, scale: float, part: tuple[str, ...]) -> None:
    """Measure the speed of all engines, and how runs scale with their length and with the number of NICs."""
    parts = part or PARTS
    RESULTS.mkdir(parents=True, exist_ok=True)
    measurements = engine_measurements(RESULTS, scale) if "engines" in parts else []
    measurements += build_measurements() if "builds" in parts else []
    measurements += scaling_measurements(scale) if "scaling" in parts else []
    console = Console(stderr=True, highlight=False)
    for number in range(rounds):
        for measurement in measurements:
            console.print(f"round {number + 1} of {rounds}: {measurement.name}", end=" ")
            measurement.rounds.append(measurement.measure())
            console.print(_figures(measurement.rounds[-1]))
    machine = report.machine()
    file = RESULTS / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}.json"
    raw = {measurement.name: measurement.rounds for measurement in measurements}
    file.write_text(json.dumps({"machine": machine, "scale": scale, "rounds": raw}, indent=1))
    _print_tables(measurements, machine, parts)
    click.echo(f"\nAll figures: {file}")


def _figures(values: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:,.1f}" for name, value in values.items())


def _print_tables(measurements: Iterable[Measurement], machine: dict[str, str], parts: Sequence[str]) -> None:
    by_name = {measurement.name: measurement for measurement in measurements}
    tables = {
        "engines": (report.engine_table, report.rules_table, report.limit_table),
        "builds": (report.build_table,),
        "scaling": (report.scaling_tables,),
    }
    for table in (table for part in PARTS if part in parts for table in tables[part]):
        click.echo("")
        for line in table(by_name):
            click.echo(line)
    click.echo("\n" + "; ".join(f"{what}: {value}" for what, value in machine.items()))


if __name__ == "__main__":
    try:
        main()
    except (UserError, RunFailed) as error:
        click.echo(f"bench: {error}", err=True)
        sys.exit(2 if isinstance(error, UserError) else 1)
