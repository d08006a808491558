"""``python -m emulator.bench``: the engine icarus against the same board with no Python attached.

Both receive the bundled capture at 1 Gb/s. Runs alternate, so that both see the same machine; medians are compared.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

import click

from emulator.bench.bare import BareBoard
from emulator.engines.cache import BUILD
from emulator.errors import RunFailed, UserError
from emulator.execute import execute
from emulator.output import SUMMARY
from emulator.progress import no_progress
from emulator.scenario import BUNDLED_CAPTURE, Scenario

RESULTS = BUILD / "bench"


@click.command()
@click.option("--runs", default=5, type=click.IntRange(min=1), show_default=True, help="Runs of each.")
@click.option(
    "--repeat", default=1, type=click.IntRange(min=1), show_default=True, help="Rounds of the capture in a run."
)
def main(runs: int, repeat: int) -> None:
    """Measure clock cycles per wall second with Python attached and without."""
    scenario = Scenario(capture=str(BUNDLED_CAPTURE), waves=False, repeat=repeat)
    bare_board = BareBoard(scenario, RESULTS / "bare")
    bare: list[float] = []
    icarus: list[float] = []
    for run in range(runs):
        bare.append(bare_board.run())
        icarus.append(_run_icarus(scenario))
        click.echo(f"run {run + 1}: no Python {bare[-1]:9,.0f} cycles/s   icarus {icarus[-1]:9,.0f} cycles/s")
    bare_median, icarus_median = statistics.median(bare), statistics.median(icarus)
    ratio = icarus_median / bare_median
    file = RESULTS / "engines.json"
    file.write_text(json.dumps({"bare": bare, "icarus": icarus, "ratio": ratio, "scenario": scenario.to_dict()}))
    click.echo(
        f"median: no Python {bare_median:8,.0f} cycles/s   icarus {icarus_median:9,.0f} cycles/s   ratio {ratio:.2f}"
    )
    click.echo(f"all figures: {file}")


def _run_icarus(scenario: Scenario) -> float:
    with tempfile.TemporaryDirectory() as directory:
        execute(scenario, Path(directory), no_progress)
        time = json.loads((Path(directory) / SUMMARY).read_text())["time"]
    return float(time["cycles"] / time["wall_s"])


if __name__ == "__main__":
    try:
        main()
    except (UserError, RunFailed) as error:
        sys.exit(f"bench: {error}")
