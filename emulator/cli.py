"""The command line: ``napi-hil run``, ``sweep``, ``rules``, ``exercise`` and ``wave``."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console

from emulator.cost_profiles import profile_names
from emulator.errors import RunFailed, UserError
from emulator.execute import execute
from emulator.exercises.cli import exercise
from emulator.output import FILES, SAVE_FILE, SUMMARY, WAVES, check_output_directory, output_directory
from emulator.progress import progress_bar
from emulator.report import format_summary, print_report
from emulator.rule_checks import explain_rule, find_rule, list_rules
from emulator.scenario import APPS, BUNDLED_CAPTURE, ENGINES, MODES, TIMINGS, Scenario, parse_rate, parse_sizes
from emulator.sweep.run_sweep import run_sweep
from emulator.traffic import check_traffic

PROGRAM = "napi-hil"
DEFAULT_DIRECTORY = "build/run"

EXIT_RUN_FAILED = 1
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130  # as the shell has it for SIGINT
EXIT_TERMINATED = 143


class _Terminated(BaseException):
    """SIGTERM, as an exception: what is open is cleaned up on its way out."""


def _terminate(*_: object) -> NoReturn:
    raise _Terminated


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (default: that of the process); the exit status.

    Every error is one line on stderr; if the driver is at fault, more lines tell where.
    """
    signal.signal(signal.SIGTERM, _terminate)
    try:
        return int(commands.main(arguments, PROGRAM, standalone_mode=False) or 0)
    except _Terminated:
        return EXIT_TERMINATED
    except (click.ClickException, click.Abort, UserError, RunFailed, OSError) as error:
        text, status = _explain(error)
        _complain(text, status)
        if isinstance(error, RunFailed) and error.details:
            click.echo(error.details, err=True)
        return status


def _explain(error: Exception) -> tuple[str, int]:
    """What to say of an error, and the exit status."""
    match error:
        case click.ClickException():
            command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else PROGRAM
            return f"{error.format_message()} (see {command} --help)", EXIT_USER_ERROR
        case RunFailed():
            return f"run failed: {error}", EXIT_RUN_FAILED
        case click.Abort():
            return f"interrupted; {str(error.__cause__) or 'nothing was written'}", EXIT_INTERRUPTED
        case OSError():  # a full disk, a file that went away
            return f"{error.filename or 'output'}: {error.strerror}", EXIT_USER_ERROR
        case _:
            return str(error), EXIT_USER_ERROR


def _complain(text: str, status: int) -> int:
    click.echo(f"{PROGRAM}: {' '.join(text.split())}", err=True)
    return status


@click.group(no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name=PROGRAM, prog_name=PROGRAM)
def commands() -> None:
    """A hardware-in-the-loop emulator for Linux NAPI."""


@commands.command()
@click.argument("capture", required=False)
@click.option(
    "--generate", metavar="SIZE[,SIZE...]", help="UDP frames of these sizes (bytes without FCS, 60 to 1514) in turn."
)
@click.option("--count", type=int, metavar="N", help="How many frames to generate, for each NIC.")
@click.option("--engine", type=click.Choice(ENGINES), default=ENGINES[0], show_default=True, help="What runs the NIC.")
@click.option(
    "--mode", type=click.Choice(MODES), default=MODES[0], show_default=True, help="NAPI, or an interrupt per packet."
)
@click.option("--rate", metavar="RATE", help="Back to back at this line rate, 10M to 8G.  [default: 1G]")
@click.option("--pps", type=int, metavar="N", help="Exactly N frames per second on a 1G line.")
@click.option("--timing", type=click.Choice(TIMINGS), help="The capture's own times, on a 1G line.")
@click.option("--repeat", type=int, default=1, show_default=True, help="How often to replay the capture.")
@click.option("--budget", type=int, default=64, show_default=True, help="Packets that one poll may take.")
@click.option("--ring", type=int, default=256, show_default=True, help="Receive descriptors, a multiple of 8.")
@click.option(
    "--costs", default="modern", show_default=True, help=f"Cost profile: {', '.join(profile_names())}, or a file."
)
@click.option("--nics", type=int, default=1, show_default=True, help="NICs, each with its own copy of the traffic.")
@click.option(
    "--queues", type=int, default=1, show_default=True, help="Receive queues of a NIC, 1 to 8, with an interrupt each."
)
@click.option("--flows", type=int, default=1, show_default=True, help="Flows of generated frames, in turn.")
@click.option(
    "--app", type=click.Choice(APPS), help="An application that gets the generated frames: echo sends them back."
)
@click.option("--cpus", type=int, default=1, show_default=True, help="CPUs of the machine.")
@click.option(
    "--set",
    multiple=True,
    metavar="NAME=VALUE",
    help="Write a setting of the kernel, as net.core.netdev_budget=600; repeatable.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of all that is random.")
@click.option(
    "--rule",
    multiple=True,
    metavar="NAME=LEVEL",
    help="ignore, warn or error when the driver breaks this rule, or any (all=LEVEL); napi-hil rules lists them.",
)
@click.option(
    "--waves/--no-waves", default=None, help="Write waves.fst and waves.gtkw.  [default: if the engine has waves]"
)
@click.option("--trace/--no-trace", default=True, show_default=True, help="Write trace.txt.")
@click.option("--frames/--no-frames", default=True, show_default=True, help="Write delivered.pcapng.")
@click.option(
    "--out", "directory", default=DEFAULT_DIRECTORY, show_default=True, metavar="DIR", help="Where the files go."
)
@click.option("--json", "json_file", metavar="FILE", help="Write summary.json here too; - for stdout.")
def run(directory: str, json_file: str | None, **options: Any) -> None:  # noqa: ANN401  (as click passes them)
    """Send CAPTURE, or generated frames, through the NIC and its driver.

    CAPTURE is any Ethernet pcap or pcapng; without it and --generate a bundled one is replayed.

    The driver is checked: if it breaks a rule at level error, or raises, the run stops, and its files end there.
    """
    scenario = _scenario(**options)
    out = Path(directory)
    check_output_directory(out)
    copy = _json_destination(json_file)
    traffic = check_traffic(scenario)
    failure = None
    try:
        with output_directory(out) as unfinished:
            try:
                with progress_bar(traffic.frames) as progress:
                    execute(scenario, unfinished, progress)
            except RunFailed as failed:
                if not (unfinished / SUMMARY).exists():
                    raise
                failure = failed
            summary = json.loads((unfinished / SUMMARY).read_text())
    except RunFailed as error:
        if out.exists() and not (out / SUMMARY).exists():
            raise RunFailed(f"{error}; what it has written is in {out}", error.details) from error
        raise
    if copy is not None:
        copy.write_text(format_summary(summary))
    elif json_file is not None:
        click.echo(format_summary(summary), nl=False)
    console = Console(stderr=json_file == "-", highlight=False)
    print_report(summary, traffic.padded, console)
    console.print(_written(out), markup=False, soft_wrap=True)
    if failure is not None:
        raise failure


def _scenario(
    *,
    capture: str | None,
    generate: str | None,
    rate: str | None,
    engine: str,
    waves: bool | None,
    **options: Any,  # noqa: ANN401
) -> Scenario:
    paces = [name for name in ("pps", "timing") if options[name] is not None]
    if rate is not None and paces:
        raise UserError(f"--rate and --{paces[0]} exclude each other: give one of them")
    if capture is None and generate is None:
        if options["count"] is not None:
            raise UserError("--count needs --generate SIZE[,SIZE...], the sizes of the frames")
        capture = str(BUNDLED_CAPTURE)
    if rate is not None:
        options["rate"] = parse_rate(rate)
    if Path(options["costs"]).is_file():
        options["costs"] = str(Path(options["costs"]).absolute())
    return Scenario(
        capture=None if capture is None else str(Path(capture).absolute()),
        generate=() if generate is None else parse_sizes(generate),
        engine=engine,
        waves=engine != "model" if waves is None else waves,
        **options,
    )


def _json_destination(json_file: str | None) -> Path | None:
    """Where to copy summary.json, found to be writable before the run."""
    if json_file in (None, "-"):
        return None
    path = Path(str(json_file))
    if path.is_dir() or not path.parent.is_dir():
        raise UserError(f"--json {path}: not a file in an existing directory")
    return path


def _written(directory: Path) -> str:
    names = [name for name in FILES if (directory / name).exists()]
    look = f"; look at the waves with: {PROGRAM} wave {directory}" if WAVES in names else ""
    return f"Written to {directory}: {', '.join(names)}{look}"


@commands.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--out",
    "table",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The table, .csv or .parquet.  [default: FILE with .csv for .toml]",
)
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes here.  [default: one per core]")
@click.option("--cluster", metavar="ADDRESS", help="Run on the workers of this Dask scheduler instead.")
def sweep(file: Path, table: Path | None, workers: int | None, cluster: str | None) -> int:
    """Run all combinations of settings in FILE in parallel; one row per run in a table.

    FILE is TOML. Keys are the options of napi-hil run; what stands under [axes] are lists of values:

    \b
      [scenario]
      generate = [60]
      count = 20000
      engine = "model"
      [axes]
      mode = ["napi", "irq"]
      pps = [10_000, 100_000, 1_000_000]

    Each result is kept in a folder beside the table as soon as it is there: after Ctrl-C or a crash the same command
    runs only what is missing. docs/sweeps.md says more.
    """  # noqa: D301  (\b is a mark for click)
    if workers is not None and cluster is not None:
        raise UserError("--workers and --cluster exclude each other: give one of them")
    table = table or file.with_suffix(".csv")
    outcome = run_sweep(file, table, workers=workers, cluster=cluster)
    kept = outcome.rows - outcome.done
    click.echo(f"Written to {table}: {outcome.rows} runs" + (f", {kept} of them kept from before" if kept else ""))
    if outcome.failed:
        return _complain(
            f"{outcome.failed} of {outcome.rows} runs failed; the column error of {table} says why", EXIT_RUN_FAILED
        )
    return 0


@commands.command()
@click.argument("name", required=False)
def rules(name: str | None) -> None:
    """List the rules for drivers that runs check, or explain the rule NAME."""
    click.echo(list_rules() if name is None else explain_rule(find_rule(name)))


commands.add_command(exercise)


@commands.command()
@click.argument("directory", default=DEFAULT_DIRECTORY, metavar="[DIR]")
def wave(directory: str) -> int:
    """Open the waves of a run in GTKWave."""
    waves, save_file = Path(directory, WAVES), Path(directory, SAVE_FILE)
    for path in (waves, save_file):
        if not path.is_file():
            raise UserError(
                f"{path}: not there; make it with: {PROGRAM} run --waves --out {directory}"
                f" (an exercise's: {PROGRAM} exercise check N)"
            )
    viewer = shutil.which("gtkwave")
    if viewer is None:
        raise UserError(
            "gtkwave is not installed; install it (apt-get install gtkwave), or open waves.fst with another viewer"
        )
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UserError(
            f"there is no screen here (DISPLAY is not set); open {waves} and {save_file} where there is one"
        )
    return subprocess.run([viewer, waves, save_file], check=False).returncode
