"""Whether an exercise is as it should be: skeleton and wrong answers fail as announced, the solution passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from driver.kernel.rules.catalogue import RULES
from emulator.exercises.check import RTL, SEEDS
from emulator.exercises.hints import STEPS, load_hints
from emulator.exercises.manifest import CHECK, DRIVER, HINTS, README, SOLUTION, WRONG, Exercise
from emulator.exercises.outcome import Outcome, Trial
from emulator.exercises.runner import run_trials

#: Wrong answers that an exercise has at least.
LEAST_WRONG = 2

Say = Callable[[str], None]


def complaints_about_files(exercise: Exercise) -> list[str]:
    """What is missing."""
    found = [
        f"{exercise.label}/{name} is missing"
        for name in (README, DRIVER, CHECK, SOLUTION, HINTS)
        if not (exercise.folder / name).is_file()
    ]
    if found:
        return found
    files = {path.stem for path in (exercise.folder / WRONG).glob("*.py")}
    if files != set(exercise.wrong):
        found.append(f"{exercise.label}: the manifest lists {sorted(exercise.wrong)}, the folder has {sorted(files)}")
    if len(exercise.wrong) < LEAST_WRONG:
        found.append(f"{exercise.label}: {len(exercise.wrong)} wrong answers; write {LEAST_WRONG} at least")
    if (hints := len(load_hints(exercise))) != STEPS:
        found.append(f"{exercise.label}: {hints} hints; write {STEPS}")
    return found


def failing(exercise: Exercise) -> dict[Path, str]:
    """The drivers that must fail, and what must be said of each."""
    wrong = {exercise.folder / WRONG / f"{name}.py": words for name, words in exercise.wrong.items()}
    return {exercise.folder / DRIVER: exercise.skeleton, **wrong}


def complaint_about(outcome: Outcome, words: str) -> str | None:
    """What is not as it should be with the outcome of a driver that must fail; None if it is."""
    name = Path(outcome.trial.driver).relative_to(Path(outcome.trial.driver).parents[1])
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
    wanted = failing(exercise)
    trials = [_trial(exercise, driver, "model", 1) for driver in wanted]
    for outcome, words in zip(run_trials(trials), wanted.values(), strict=True):
        complaint = complaint_about(outcome, words)
        if complaint:
            found.append(complaint)
        else:
            say(f"{Path(outcome.trial.driver).name}: fails with {words!r}")
    return (
        found
        + verify_solution(exercise, "model", SEEDS, say)
        + (verify_solution(exercise, RTL, SEEDS, say) if rtl else [])
    )


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
