"""What users do to a driver: each is reported as theirs, with the line, and never with a traceback of ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.exercises.faults import Fault
from emulator.exercises.manifest import SOLUTION, find_exercise
from emulator.exercises.outcome import Outcome, Trial
from emulator.exercises.runner import run_trials

GOOD = (find_exercise(1).folder / SOLUTION).read_text()
FIRST = "    pci_enable_device(pdev)\n"

#: What stands behind the first statement of probe(), what is said of it, and the line or function that is named.
BAD_STATEMENTS = {
    "raises": ("1 // 0", "the driver raised ZeroDivisionError: ", "1 // 0"),
    "exits": ("exit(3)", "the driver raised SystemExit: 3", "exit(3)"),
    "recurses": ("await e1000_probe(pdev)", "the driver raised RecursionError: ", "e1000_probe"),
    "reads for ever": (
        "while True: await readl(pdev.iomap())",
        "e1000_probe() is not over after ",
        "while True: await readl(pdev.iomap())",
    ),
    "no await": ("readl(pdev.iomap())", "readl() is called without await", "readl(pdev.iomap())"),
    "no await, used": (
        "_ = readl(pdev.iomap()) & 1",
        "readl() is called without await",
        "_ = readl(pdev.iomap()) & 1",
    ),
    "awaits what is no coroutine": (
        "await pci_enable_device(pdev)",
        "the driver raised TypeError: object int can't be used in 'await' expression",
        "await pci_enable_device(pdev)",
    ),
    "loops": ("while True: pass", "the driver keeps the CPU without end", "while True: pass"),
}

#: A change of the whole file, and what is said.
BAD_FILES = {
    "imports a module": (("from driver.kernel.io", "import os\nfrom driver.kernel.io"), "the driver imports os"),
    "imports who checks": (
        ("from driver.kernel.io", "from driver.kernel.rules import rule\nfrom driver.kernel.io"),
        "the driver imports driver.kernel.rules",
    ),
    "imports what is not there": (
        ("from driver.kernel.io", "import driver.kernel.nothing\nfrom driver.kernel.io"),
        "the driver raised ModuleNotFoundError: No module named 'driver.kernel.nothing'",
    ),
    "is cut off": (("hw=pdev.iomap()", "hw=("), "the driver is no Python: '(' was never closed"),
    "lost a function": (("async def e1000_probe", "async def probe"), "has no function e1000_probe"),
    "changed a signature": (("(pdev: PciDev)", "(pdev: PciDev, x: int)"), "e1000_probe() cannot be called"),
    "returns something else": (
        ("return adapter", "return None"),
        "e1000_probe() returned None",
    ),
    "is empty": ((GOOD, ""), "has no function e1000_probe"),
}


@pytest.fixture
def check(tmp_path: Path) -> Callable[[str], tuple[Outcome, Fault]]:
    """Checks a driver of exercise 1, given as text, that has a fault."""

    def check(text: str) -> tuple[Outcome, Fault]:
        driver = tmp_path / "driver.py"
        driver.write_text(text)
        (outcome,) = run_trials([Trial(exercise=1, driver=str(driver), engine="model", seed=1)])
        assert outcome.fault is not None
        return outcome, outcome.fault

    return check


Check = Callable[[str], tuple[Outcome, Fault]]


@pytest.mark.parametrize("name", BAD_STATEMENTS)
def test_a_bad_statement(check: Check, name: str) -> None:
    statement, headline, code = BAD_STATEMENTS[name]
    _, fault = check(GOOD.replace(FIRST, f"{FIRST}    {statement}\n"))
    assert fault.headline.startswith(headline)
    assert code in (fault.code, fault.where.split()[-1])
    assert "driver.py:" in fault.where
    assert fault.endless == (name == "loops")


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file(check: Check, name: str) -> None:
    change, headline = BAD_FILES[name]
    text = GOOD.replace(*change)
    assert text != GOOD
    _, fault = check(text)
    assert headline in fault.headline


def test_who_called_the_line(check: Check) -> None:
    """Innermost first, of an exception and of a call that is not over."""
    helper = "async def helper(pdev):\n    BODY\n\n\nasync def e1000_probe"
    for body in ("1 // 0", "while True: await readl(pdev.iomap())"):
        text = GOOD.replace("async def e1000_probe", helper.replace("BODY", body))
        _, fault = check(text.replace(FIRST, f"{FIRST}    await helper(pdev)\n"))
        assert fault.where.endswith("in helper")
        assert [place.split()[-1] for place in fault.callers] == ["e1000_probe"]


def test_no_text_at_all(tmp_path: Path) -> None:
    driver = tmp_path / "driver.py"
    driver.write_bytes(bytes(range(256)))
    (outcome,) = run_trials([Trial(exercise=1, driver=str(driver), engine="model", seed=1)])
    assert outcome.fault is not None
    assert outcome.fault.headline.startswith("the driver is no Python: ")


def test_what_it_prints_is_kept(check: Check) -> None:
    outcome, _ = check(GOOD.replace(FIRST, f'{FIRST}    print("STATUS", 3)\n    1 // 0\n'))
    assert outcome.printed == "STATUS 3\n"


def test_a_driver_that_kills_its_process(check: Check) -> None:
    """And the trials after it still run."""
    _, fault = check(GOOD.replace(FIRST, f"{FIRST}    exit.__init__.__globals__['sys'].modules['os']._exit(0)\n"))
    assert fault.headline.startswith("the process of the driver ended without a result")


def test_the_others_run_on(tmp_path: Path) -> None:
    hung = tmp_path / "driver.py"
    hung.write_text(GOOD.replace(FIRST, f"{FIRST}    while True: pass\n"))
    good = find_exercise(1).folder / SOLUTION
    trials = [Trial(exercise=1, driver=str(path), engine="model", seed=2) for path in (good, hung, good)]
    outcomes = run_trials(trials)
    assert [outcome.trial for outcome in outcomes] == trials
    assert [outcome.fault is None for outcome in outcomes] == [True, False, True]


def test_until_the_first_fault(tmp_path: Path) -> None:
    bad = tmp_path / "driver.py"
    bad.write_text("")
    good = find_exercise(1).folder / SOLUTION
    trials = [Trial(exercise=1, driver=str(path), engine="model", seed=2) for path in (good, bad, good)]
    assert len(run_trials(trials, until_fault=True)) == 2
