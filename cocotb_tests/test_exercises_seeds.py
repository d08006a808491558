"""The solutions of the exercises pass on the RTL under all seeds: other traffic, other latencies of bus and memory."""

import pytest

from emulator.exercises.check import RTL, SEEDS
from emulator.exercises.manifest import SOLUTION, load_manifest
from emulator.exercises.outcome import Trial
from emulator.exercises.runner import run_trials


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_solutions_pass(seed):
    exercises = [exercise for exercise in load_manifest() if exercise.rtl]
    exercises.sort(key=lambda exercise: (exercise.nics, exercise.queues, exercise.cpus))  # boards alike together
    trials = [Trial(exercise=e.number, driver=str(e.folder / SOLUTION), engine=RTL, seed=seed) for e in exercises]
    outcomes = run_trials(trials)
    assert [outcome.trial for outcome in outcomes] == trials
    assert not {o.trial.exercise: o.text + o.internal for o in outcomes if o.fault is not None}
