"""Runs trials in processes of their own: what a driver does to its process, ours survives and explains."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from emulator.engines.cache import BUILD
from emulator.exercises.child import Job
from emulator.exercises.faults import Fault
from emulator.exercises.manifest import find_exercise
from emulator.exercises.outcome import Outcome, Trial

#: Real time in s without a sign of life from the process, or a result; a loop in Python its own watchdog finds earlier.
LIMIT_S = {"model": 5.0, "icarus": 120.0}

#: The same until it gives its first: a busy machine takes long to start Python.
START_LIMIT_S = 60.0

_LOOK_EVERY_S = 0.02


def run_trials(trials: Sequence[Trial], *, waves: Path | None = None, until_fault: bool = False) -> list[Outcome]:
    """Run trials; the outcomes in the same order.

    Arguments:
        trials: any; those that follow each other on the same engine and a board alike share a process.
        waves: file for the waveform of the first process; none for the model.
        until_fault: stop after the first trial that fails.

    Raises:
        UserError: the simulator is missing, or cannot be built for.
    """
    outcomes: list[Outcome] = []
    for _, group in itertools.groupby(trials, _board):
        left = list(group)
        while left:
            done = _run_process(left, waves, until_fault=until_fault)
            outcomes += done
            left = left[len(done) :]
            if until_fault and done[-1].fault is not None:
                return outcomes
    return outcomes


def _board(trial: Trial) -> tuple[object, ...]:
    exercise = find_exercise(trial.exercise)
    return (trial.engine,) if trial.engine == "model" else (trial.engine, exercise.nics, exercise.queues, exercise.cpus)


def _run_process(trials: Sequence[Trial], waves: Path | None, *, until_fault: bool) -> list[Outcome]:
    """Run trials until all are done, or one has ended the process; at least one."""
    engine = trials[0].engine
    board = ""
    if engine != "model":
        from emulator.engines.board import build_board  # noqa: PLC0415  (only who simulates needs cocotb)

        exercise = find_exercise(trials[0].exercise)
        nics, queues, cpus = exercise.nics, exercise.queues, exercise.cpus
        board = str(build_board(engine, nics=nics, queues=queues, cpus=cpus, waves=waves is not None).folder)
    BUILD.mkdir(exist_ok=True)
    log = BUILD / f"exercise-{os.getpid()}.log"
    with tempfile.TemporaryDirectory(prefix="napi-hil-") as temporary:
        results, job_file = Path(temporary, "outcomes"), Path(temporary, "job")
        results.touch()
        job = Job(
            trials=list(trials),
            outcomes=str(results),
            log=str(log),
            board=board,
            waves=str(waves) if waves else "",
            until_fault=until_fault,
        )
        job_file.write_text(job.to_json(), encoding="utf-8")
        ended = _watch_process(job_file, results, log, LIMIT_S[engine])
        outcomes = [Outcome.from_json(line) for line in results.read_text(encoding="utf-8").splitlines()]
    if len(outcomes) < len(trials) and (not outcomes or outcomes[-1].fault is None):
        outcomes.append(Outcome(trial=trials[len(outcomes)], fault=Fault(headline=ended)))
    else:
        log.unlink(missing_ok=True)
    return outcomes


def _watch_process(job_file: Path, results: Path, log: Path, limit_s: float) -> str:
    """Start the process of a job and wait for it, or end it; in words, how it ended if it did not do its work."""
    command = [sys.executable, "-m", "emulator.exercises.child", str(job_file)]
    with log.with_suffix(".err").open("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command,
            stdout=errors,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        try:
            seen, since, limit_now = results.stat().st_mtime_ns, time.monotonic(), max(START_LIMIT_S, limit_s)
            while process.poll() is None:
                time.sleep(_LOOK_EVERY_S)
                changed = results.stat().st_mtime_ns
                if changed != seen:
                    seen, since, limit_now = changed, time.monotonic(), limit_s
                if time.monotonic() - since > limit_now:
                    return f"the driver has kept its process busy for {limit_s:.0f} s, and it was ended"
        finally:
            _end(process)
        errors.seek(0)
        text = errors.read()
    if process.returncode:
        log.write_text((log.read_text() if log.exists() else "") + text, encoding="utf-8")
    log.with_suffix(".err").unlink()
    return f"the process of the driver ended without a result; see {log}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it has started, if it still runs."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
