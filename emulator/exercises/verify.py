"""Whether an exercise is as it should be: skeleton and wrong answers fail as announced, the solution passes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from driver.kernel.rules.catalogue import RULES
from emulator.errors import UserError
from emulator.exercises.check import RTL, SEEDS
from emulator.exercises.hints import STEPS, load_hints
from emulator.exercises.manifest import CHECK, DRIVER, HINTS, README, SOLUTION, WRONG, Exercise
from emulator.exercises.outcome import Outcome, Trial
from emulator.exercises.runner import run_trials
from emulator.exercises.wrong_answers import load_wrong_answers

#: Wrong answers that an exercise has at least.
LEAST_WRONG = 2

Say = Callable[[str], None]


def complaints_about_files(exercise: Exercise) -> list[str]:
    """What is missing."""
    found = [
        f"{exercise.label}/{name} is missing"
        for name in (README, DRIVER, CHECK, SOLUTION, HINTS, WRONG)
        if not (exercise.folder / name).is_file()
    ]
    if found:
        return found
    try:
        answers = load_wrong_answers(exercise)
    except UserError as error:
        return [str(error)]
    if answers.keys() != exercise.wrong.keys():
        found.append(f"{exercise.label}: the manifest lists {sorted(exercise.wrong)}, {WRONG} has {sorted(answers)}")
    if len(exercise.wrong) < LEAST_WRONG:
        found.append(f"{exercise.label}: {len(exercise.wrong)} wrong answers; write {LEAST_WRONG} at least")
    if (hints := len(load_hints(exercise))) != STEPS:
        found.append(f"{exercise.label}: {hints} hints; write {STEPS}")
    return found


def complaint_about(name: str, outcome: Outcome, words: str) -> str | None:
    """What is not as it should be with the outcome of a driver that must fail; None if it is."""
    fault = outcome.fault
    if fault is None:
        return f"{name}: passes with seed {outcome.trial.seed}"
    if fault.rule == words if words in RULES else words in outcome.text:
        return None
    return f"{name}: should fail with {words!r}, fails with:\n{outcome.text}\n{fault.where}\n{outcome.internal}"


def verify(exercise: Exercise, *, rtl: bool, say: Say) -> list[str]:
    """All that is not as it should be; ``say`` is told of what is."""
    found = complaints_about_files(exercise)
    if found:
        return found
    return (
        verify_failing(exercise, say)
        + verify_solution(exercise, "model", SEEDS, say)
        + (verify_solution(exercise, RTL, SEEDS, say) if rtl else [])
    )


def verify_failing(exercise: Exercise, say: Say) -> list[str]:
    """Whether the skeleton and the wrong answers fail, and as the manifest says."""
    found = []
    with tempfile.TemporaryDirectory(prefix="napi-hil-") as temporary:
        drivers = {DRIVER: exercise.folder / DRIVER}
        for name, source in load_wrong_answers(exercise).items():
            drivers[name] = Path(temporary, f"{name}.py")
            drivers[name].write_text(source, encoding="utf-8")
        outcomes = run_trials([_trial(exercise, driver, "model", 1) for driver in drivers.values()])
    wanted = {DRIVER: exercise.skeleton, **exercise.wrong}
    for name, outcome in zip(drivers, outcomes, strict=True):
        complaint = complaint_about(name, outcome, wanted[name])
        if complaint:
            found.append(complaint)
        else:
            say(f"{name}: fails with {wanted[name]!r}")
    return found


def verify_solution(exercise: Exercise, engine: str, seeds: Sequence[int], say: Say) -> list[str]:
    """Whether the solution passes."""
    trials = [_trial(exercise, exercise.folder / SOLUTION, engine, seed) for seed in seeds]
    found = [
        f"{SOLUTION}, {engine}, seed {outcome.trial.seed}: {outcome.text}\n{outcome.fault.where}\n{outcome.internal}"
        for outcome in run_trials(trials)
        if outcome.fault is not None
    ]
    if not found:
        say(f"{SOLUTION}: passes on {engine}, seeds {seeds[0]} to {seeds[-1]}")
    return found


def _trial(exercise: Exercise, driver: Path, engine: str, seed: int) -> Trial:
    return Trial(exercise=exercise.number, driver=str(driver), engine=engine, seed=seed)
