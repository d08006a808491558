"""What is left of an exercise that fails on the RTL; an endless loop in a simulator's process is found there."""

from emulator.exercises.check import RTL, try_on_rtl
from emulator.exercises.manifest import DRIVER, SOLUTION, load_manifest
from emulator.exercises.outcome import Trial
from emulator.exercises.runner import run_trials
from emulator.output import SAVE_FILE, TRACE, WAVES

EXERCISES = [exercise for exercise in load_manifest() if exercise.rtl]


def test_a_failing_run_leaves_its_waveform(tmp_path):
    exercise = EXERCISES[0]
    outcome = try_on_rtl(exercise, exercise.folder / DRIVER, 1, tmp_path / "run")
    assert outcome.fault.time_ns > 0
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [TRACE, WAVES, SAVE_FILE]
    lines = (tmp_path / "run" / SAVE_FILE).read_text().splitlines()
    assert f"-exercise {exercise.number}: {outcome.fault.headline}" in lines
    assert next(line for line in lines if line.startswith("*")).split()[1] == str(outcome.fault.look_ns * 1000)


def test_an_endless_loop_in_the_simulator(tmp_path):
    exercise = EXERCISES[0]
    driver = tmp_path / DRIVER
    text = (exercise.folder / SOLUTION).read_text()
    driver.write_text(
        text.replace("    pci_enable_device(pdev)\n", "    pci_enable_device(pdev)\n    while True: pass\n")
    )
    (outcome,) = run_trials([Trial(exercise=exercise.number, driver=str(driver), engine=RTL, seed=1)])
    assert outcome.fault.headline.startswith("the driver keeps the CPU without end")
    assert outcome.fault.code == "while True: pass"
