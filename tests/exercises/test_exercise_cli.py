"""``napi-hil exercise``: what it writes and keeps, and one line with what to type for everything that is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator import cli
from emulator.exercises import cli as exercise_cli
from emulator.exercises.faults import Fault
from emulator.exercises.manifest import DRIVER, SOLUTION, find_exercise
from emulator.exercises.outcome import Outcome, Trial
from emulator.exercises.wrong_answers import load_wrong_answers

Capture = pytest.CaptureFixture[str]
FIRST = find_exercise(1)
WORK = Path("exercises-work", FIRST.label)


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)


@pytest.fixture(autouse=True)
def no_rtl(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The RTL agrees with everything; returns the seeds with which it was asked."""
    seeds: list[int] = []

    def try_on_rtl(_exercise: object, driver: Path, seed: int, folder: Path) -> Outcome:
        seeds.append(seed)
        trial = Trial(exercise=1, driver=str(driver), engine="icarus", seed=seed)
        text = driver.read_text()
        return Outcome(trial=trial, fault=None if "TODO" not in text else Fault(headline="RTL", time_ns=5432))

    monkeypatch.setattr(exercise_cli, "try_on_rtl", try_on_rtl)
    return seeds


def run(*arguments: str) -> int:
    return cli.main(["exercise", *arguments])


def refused(capsys: Capture, *arguments: str) -> str:
    capsys.readouterr()
    assert run(*arguments) == cli.EXIT_USER_ERROR
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("napi-hil: ")
    assert err.count("\n") == 1
    return err


def test_from_start_to_done(capsys: Capture, no_rtl: list[int]) -> None:
    assert run("start", "1") == 0
    assert sorted(path.name for path in WORK.iterdir()) == ["README.md", "driver.py"]
    assert run("check") == 1
    out = capsys.readouterr().out
    assert "model, seed 1: failed\n  the driver has read no register\n  expected  link and address are what" in out
    assert f"waveform  look from 5,432 ns on, at the marker: napi-hil wave {WORK}/run\n" in out
    assert out.endswith("A hint: napi-hil exercise hint 1\n")
    shutil.copy(FIRST.folder / SOLUTION, WORK / DRIVER)
    assert run("check", "1") == 0
    out = capsys.readouterr().out
    assert "model, seeds 1 to 5: passed\nThe same on the RTL (icarus) ...\nicarus, seed 1: passed\n" in out
    assert "\x1b" not in out
    assert no_rtl == [1, 1]
    assert run("list") == 0
    assert f"    1  done      {FIRST.title}\n" in capsys.readouterr().out
    assert json.loads(Path("exercises-work/progress.json").read_text())[FIRST.label]["checks"] == 2


def test_next_is_what_is_open_where_he_is(capsys: Capture) -> None:
    run("list")
    assert capsys.readouterr().out.endswith("Next: napi-hil exercise start 1\n")
    run("start", "2")
    assert capsys.readouterr().out.endswith("check 2\n")
    run("list")
    assert capsys.readouterr().out.endswith("Next: napi-hil exercise check 2\n")
    shutil.copy(find_exercise(2).folder / SOLUTION, Path("exercises-work", find_exercise(2).label, DRIVER))
    assert run("check") == 0
    assert capsys.readouterr().out.endswith("Next: napi-hil exercise start 3\n")
    run("list")
    assert capsys.readouterr().out.endswith("Next: napi-hil exercise start 3\n")


def test_no_hint_to_what_python_cannot_read(capsys: Capture) -> None:
    run("start", "1")
    (WORK / DRIVER).write_text("if True:\n    x = )\n")
    capsys.readouterr()
    assert run("check") == 1
    out = capsys.readouterr().out
    assert f"{WORK}/driver.py:2, column 9\n              x = )\n                  ^\n" in out
    assert "hint" not in out


def test_a_rule_is_named_with_the_line(capsys: Capture) -> None:
    run("start", "1")
    (WORK / DRIVER).write_text(load_wrong_answers(FIRST)["device_off"])
    assert run("check", "1", "--seed", "7") == 1
    out = capsys.readouterr().out
    assert "model, seed 7: failed\n" in out
    assert "rule      mmio-while-off (napi-hil rules mmio-while-off)\n" in out
    assert f"line      {WORK}/driver.py:" in out
    assert f"called at {WORK}/driver.py:" in out  # for who has not written the helper er32() himself
    assert "            to mend it: Enable the device first in probe()" in out


def test_start_does_not_overwrite(capsys: Capture) -> None:
    run("start", "1")
    (WORK / DRIVER).write_text("mine")
    assert run("start", "1") == 0
    assert (WORK / DRIVER).read_text() == "mine"
    assert "nothing in exercises-work/01_read_status was changed" in capsys.readouterr().out


def test_reset_keeps_the_old(capsys: Capture) -> None:
    run("start", "1")
    for text in ("first", "second"):
        (WORK / DRIVER).write_text(text)
        assert run("reset", "1") == 0
    assert (WORK / DRIVER).read_text() == (FIRST.folder / DRIVER).read_text()
    assert [(WORK / f"driver.{number}.py").read_text() for number in (1, 2)] == ["first", "second"]
    assert f"Your driver is now {WORK}/driver.2.py\n" in capsys.readouterr().out


def test_hints_come_one_at_a_time(capsys: Capture) -> None:
    run("start", "1")
    capsys.readouterr()
    for shown in (1, 2, 3, 3):
        assert run("hint", "1") == 0
        out = capsys.readouterr().out
        assert [f"Hint {step} of 3" in out for step in (1, 2, 3)] == [step <= shown for step in (1, 2, 3)]


def test_the_solution_only_after_a_try(capsys: Capture) -> None:
    assert "try first, with napi-hil exercise check 1; or add --force" in refused(capsys, "solution", "1")
    assert run("solution", "1", "--force") == 0
    assert capsys.readouterr().out == (FIRST.folder / SOLUTION).read_text()
    run("start", "1")
    run("check", "1")
    capsys.readouterr()
    assert run("solution", "1") == 0


def test_watch_checks_after_each_save(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    run("start", "1")

    def save(_seconds: float) -> None:
        shutil.copyfile(FIRST.folder / SOLUTION, WORK / DRIVER)

    monkeypatch.setattr("emulator.exercises.cli.sleep", save)
    assert run("watch") == 0
    out = capsys.readouterr().out
    assert f"Waiting for {WORK}/driver.py to be saved" in out
    assert out.count("Exercise 1: ") == 3  # start, and two checks
    assert "icarus, seed 1: passed" in out


def test_watch_waits_for_an_editor_that_puts_another_file_in_place(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And Ctrl-C, its documented end, is no error."""
    run("start", "1")
    driver = WORK / DRIVER
    steps: list[Callable[[], object]]
    steps = [driver.unlink, lambda: shutil.copyfile(FIRST.folder / DRIVER, driver), _interrupt]
    monkeypatch.setattr("emulator.exercises.cli.sleep", lambda _seconds: steps.pop(0)())
    assert run("watch") == 0
    shown = capsys.readouterr()
    assert not steps
    assert shown.out.count("model, seed 1: failed") == 2
    assert not shown.err


def _interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("command", ["start", "check", "watch", "hint", "solution", "reset", "verify"])
def test_an_exercise_that_is_not_there(capsys: Capture, command: str) -> None:
    assert "there is no exercise 99; there are 1 to 34: napi-hil exercise list" in refused(capsys, command, "99")


def _no_driver() -> None:
    (WORK / DRIVER).unlink()


def _bad_progress() -> None:
    Path("exercises-work/progress.json").write_text("{")


def _a_file() -> None:
    shutil.rmtree("exercises-work")
    Path("exercises-work").write_text("")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_no_driver, "exercises-work/01_read_status/driver.py: not there; to begin anew with the exercise's own: "),
        (_bad_progress, "exercises-work/progress.json: cannot be read as progress; delete it"),
        (_a_file, "exercises-work: not a folder; choose another with --work DIR"),
    ],
)
def test_a_damaged_folder(capsys: Capture, damage: Callable[[], None], says: str) -> None:
    run("start", "1")
    damage()
    assert says in refused(capsys, "check", "1")


def test_a_check_before_start(capsys: Capture) -> None:
    place = WORK.parent.absolute()
    assert f"no exercise is started in {place}; type: napi-hil exercise start 1" in refused(capsys, "check")
    assert f"exercise 1 is not started in {Path.cwd()}/w; type: napi-hil exercise start 1 --work w" in refused(
        capsys, "check", "1", "--work", "w"
    )
    assert "exercise 1 is not started" in refused(capsys, "hint", "1")
    assert not Path("exercises-work").exists()
