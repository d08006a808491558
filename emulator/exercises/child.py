"""The process in which drivers are checked: trials of one engine, one after the other; started by runner.py."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from driver.kernel.costs import Costs
from emulator.engines.base import Engine
from emulator.engines.model import ModelEngine
from emulator.errors import RunFailed
from emulator.exercises.manifest import Exercise, find_exercise
from emulator.exercises.outcome import Outcome, Trial
from emulator.exercises.trial import run_trial
from emulator.exercises.watchdog import Watchdog
from emulator.wire_timing import byte_time_ps

BYTE_PS = byte_time_ps(10**9)

#: Names the job's file to a simulator.
JOB = "NAPI_HIL_EXERCISE_JOB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Trials of one engine, on boards that are alike.

    Attributes:
        trials: what to run.
        outcomes: file that gets a line for each of them.
        log: file for what the simulator prints.
        board: folder of the compiled board; empty for the model.
        waves: file for the waveform; empty for none.
        until_fault: leave out what comes after the first trial that fails.
    """

    trials: list[Trial]
    outcomes: str
    log: str
    board: str = ""
    waves: str = ""
    until_fault: bool = False

    def to_json(self) -> str:
        """As from_json takes it."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """What to_json made."""
        table = json.loads(text)
        return cls(trials=[Trial(**trial) for trial in table.pop("trials")], **table)

    def beat(self) -> None:
        """Show that the process is alive: Python runs in it."""
        Path(self.outcomes).touch()

    def report(self, outcome: Outcome) -> None:
        """Append an outcome to the file."""
        with Path(self.outcomes).open("a", encoding="utf-8") as file:
            file.write(outcome.to_json() + "\n")


def main(job_file: str) -> None:
    """Run a job."""
    job = Job.from_json(Path(job_file).read_text(encoding="utf-8"))
    if job.trials[0].engine == "model":
        _run_on_model(job)
    else:
        _run_in_simulator(job, job_file)


def _run_on_model(job: Job) -> None:
    watchdog = Watchdog(job.beat)
    for trial in job.trials:
        exercise = find_exercise(trial.exercise)

        def make_engine(costs: Costs, exercise: Exercise = exercise) -> Engine:
            return ModelEngine(exercise.nics, costs, BYTE_PS, queues=exercise.queues)

        outcome = asyncio.run(run_trial(make_engine, trial, watchdog, job.report))
        job.report(outcome)
        if outcome.fault is not None and job.until_fault:
            return


def _run_in_simulator(job: Job, job_file: str) -> None:
    from emulator.engines.board import Board  # noqa: PLC0415  (only who simulates needs cocotb)
    from emulator.engines.launch import simulate  # noqa: PLC0415

    board = Board(job.trials[0].engine, Path(job.board), waves=bool(job.waves))
    try:
        simulate(
            board,
            "emulator.exercises.cocotb_entry",
            log=Path(job.log),
            waves=Path(job.waves) if job.waves else None,
            environment={JOB: job_file, "COCOTB_REWRITE_ASSERTION_FILES": ""},
        )
    except RunFailed as failed:
        print(failed, file=sys.stderr)
        os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
