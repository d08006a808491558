"""Checks a driver as ``napi-hil exercise check`` does: on the model under several seeds, then on the RTL with waves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emulator.exercises.manifest import Exercise
from emulator.exercises.outcome import Outcome, Trial
from emulator.exercises.runner import run_trials
from emulator.output import SAVE_FILE, TRACE, WAVES
from emulator.waves import Marker, write_save_file

#: Seeds that a driver is tried with on the model.
SEEDS = (1, 2, 3, 4, 5)

RTL = "icarus"


def try_on_model(exercise: Exercise, driver: Path, seeds: Sequence[int] = SEEDS) -> Outcome:
    """The first trial that fails, else the last one."""
    trials = [Trial(exercise=exercise.number, driver=str(driver), engine="model", seed=seed) for seed in seeds]
    return run_trials(trials, until_fault=True)[-1]


def try_on_rtl(exercise: Exercise, driver: Path, seed: int, folder: Path) -> Outcome:
    """A trial on the RTL; waveform, its save file with a marker at the fault, and the trace go into a folder."""
    folder.mkdir(exist_ok=True)
    for name in (WAVES, SAVE_FILE, TRACE):
        (folder / name).unlink(missing_ok=True)
    trial = Trial(
        exercise=exercise.number,
        driver=str(driver),
        engine=RTL,
        seed=seed,
        trace=str(folder.absolute() / TRACE),
    )
    (outcome,) = run_trials([trial], waves=folder.absolute() / WAVES)
    if (folder / WAVES).exists():
        fault = outcome.fault
        marker = None
        if fault is not None and fault.time_ns is not None:
            marker = Marker(fault.look_ns or fault.time_ns, f"exercise {exercise.number}: {fault.headline}")
        write_save_file(folder / SAVE_FILE, RTL, nics=exercise.nics, cpus=exercise.cpus, marker=marker)
    return outcome
