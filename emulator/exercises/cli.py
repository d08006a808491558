"""The commands ``napi-hil exercise ...``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Any

import click
from rich.console import Console

from emulator.errors import UserError
from emulator.exercises import verify as verification
from emulator.exercises.check import RTL, SEEDS, try_on_model, try_on_rtl
from emulator.exercises.hints import load_hints
from emulator.exercises.manifest import DRIVER, README, SOLUTION, Exercise, find_exercise
from emulator.exercises.report import Report
from emulator.exercises.work import DEFAULT, RUN, WorkFolder

#: How often `watch` looks at the file, in s.
WATCH_EVERY_S = 0.3

NOT_PASSED = 1

Command = Callable[..., Any]


def _work_option(command: Command) -> Command:
    return click.option(
        "--work",
        type=click.Path(path_type=Path),
        default=DEFAULT,
        show_default=True,
        metavar="DIR",
        help="Your folder.",
    )(command)


def _report() -> Report:
    return Report(Console(highlight=False))


@click.group(no_args_is_help=False)
def exercise() -> None:
    """Driver bring-up exercises: write a NAPI driver step by step, on hardware that bites."""


@exercise.command("list")
@_work_option
def list_(work: Path) -> None:
    """List the exercises: what is done, and what is next."""
    _report().exercises(WorkFolder(work))


@exercise.command()
@click.argument("number", type=int)
@_work_option
def start(number: int, work: Path) -> None:
    """Put the files of exercise NUMBER into your folder."""
    found, folder, report = find_exercise(number), WorkFolder(work), _report()
    made = folder.start(found)
    report.begin(found)
    place = folder.folder(found)
    if made:
        report.line(f"Written: {', '.join(map(str, made))}")
    else:
        report.line(f"Started before; nothing in {place} was changed")
    what = "find the fault in" if found.hunt else "complete"
    report.line(f"Read {place / README}, {what} {place / DRIVER}, then: napi-hil exercise check {number}")


@exercise.command()
@click.argument("number", type=int, required=False)
@click.option("--seed", type=click.IntRange(min=1), help="Try this seed only.")
@_work_option
def check(number: int | None, seed: int | None, work: Path) -> int:
    """Check your driver of exercise NUMBER, or of the one that you are at: on the model, then on the RTL."""
    folder = WorkFolder(work)
    found = folder.current() if number is None else find_exercise(number)
    return NOT_PASSED * (not check_driver(folder, found, _report(), SEEDS if seed is None else (seed,)))


def check_driver(folder: WorkFolder, found: Exercise, report: Report, seeds: tuple[int, ...]) -> bool:
    """Check, report, and keep the progress; whether the driver passed."""
    driver = folder.driver(found)
    run = folder.folder(found) / RUN
    report.begin(found)
    outcome = try_on_model(found, driver.absolute(), seeds)
    passed = outcome.fault is None
    if passed:
        report.passed(outcome, f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}")
    else:
        report.failed(outcome)
    if found.rtl and (passed or (outcome.fault is not None and outcome.fault.seen_in_waves)):
        report.line(f"The same on the RTL ({RTL}) ...")
        on_rtl = try_on_rtl(found, driver.absolute(), seeds[0] if passed else outcome.trial.seed, run)
        if on_rtl.fault is not None and passed:
            report.failed(on_rtl)
        elif passed:
            report.passed(on_rtl, f"seed {on_rtl.trial.seed}")
        if on_rtl.fault is not None:
            report.waveform(on_rtl, run)
        elif not passed:
            report.no_waveform(on_rtl, run)
        passed = passed and on_rtl.fault is None
    _keep(folder, found, passed=passed)
    if passed:
        report.next(folder)
    elif outcome.fault is None or outcome.fault.time_ns is not None:  # hints are of drivers that run
        report.line(f"A hint: napi-hil exercise hint {found.number}")
    return passed


def _keep(folder: WorkFolder, found: Exercise, *, passed: bool) -> None:
    progress = folder.progress(found)
    progress.checks += 1
    progress.passed = progress.passed or passed
    folder.save()


@exercise.command()
@click.argument("number", type=int, required=False)
@_work_option
def watch(number: int | None, work: Path) -> None:
    """Check again whenever you save the driver, until it passes or you type Ctrl-C."""
    folder = WorkFolder(work)
    found = folder.current() if number is None else find_exercise(number)
    report, driver, seen = _report(), folder.driver(found), 0
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            saved = _saved_at(driver)
            if saved not in (None, seen):
                seen = saved
                if check_driver(folder, found, report, SEEDS):
                    return
                report.line(f"Waiting for {driver} to be saved ...")
            sleep(WATCH_EVERY_S)


def _saved_at(file: Path) -> int | None:
    """When a file was written, in ns; None while it is away: some editors put another in its place."""
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return None


@exercise.command()
@click.argument("number", type=int)
@_work_option
def hint(number: int, work: Path) -> None:
    """Show one more hint to exercise NUMBER."""
    folder, found, report = WorkFolder(work), find_exercise(number), _report()
    folder.driver(found)
    hints, progress = load_hints(found), folder.progress(found)
    progress.hints = min(progress.hints + 1, len(hints))
    folder.save()
    for step, text in enumerate(hints[: progress.hints], 1):
        report.heading(f"Hint {step} of {len(hints)}")
        report.line(text)


@exercise.command()
@click.argument("number", type=int)
@click.option("--force", is_flag=True, help="Without having tried.")
@_work_option
def solution(number: int, force: bool, work: Path) -> None:
    """Show the solution of exercise NUMBER, once you have tried."""
    folder, found = WorkFolder(work), find_exercise(number)
    progress = folder.progress(found)
    if not progress.checks and not force:
        raise UserError(
            f"exercise {number} was not checked yet: try first, with napi-hil exercise check {number}; or add --force"
        )
    if not progress.passed:
        progress.seen_solution = True
        folder.save()
    click.echo((found.folder / SOLUTION).read_text(encoding="utf-8"), nl=False)


@exercise.command()
@click.argument("number", type=int)
@_work_option
def reset(number: int, work: Path) -> None:
    """Begin exercise NUMBER anew; your driver is kept under another name."""
    folder, found, report = WorkFolder(work), find_exercise(number), _report()
    kept = folder.reset(found)
    if kept is not None:
        report.line(f"Your driver is now {kept}")
    report.line(f"{folder.folder(found) / DRIVER} is the exercise's own")


@exercise.command()
@click.argument("number", type=int)
@click.option("--model-only", is_flag=True, help="Leave the RTL out.")
def verify(number: int, model_only: bool) -> int:
    """For authors: see whether skeleton, solution and wrong answers of exercise NUMBER come out as they should."""
    report = _report()
    found = find_exercise(number)
    report.begin(found)
    complaints = verification.verify(found, rtl=found.rtl and not model_only, say=report.line)
    for complaint in complaints:
        report.line(complaint, "red")
    return NOT_PASSED * bool(complaints)
