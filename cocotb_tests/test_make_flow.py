"""The cocotb make flow in sim_makefiles/ runs tests, fails when they do, and says what it cannot do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def make(*arguments):
    """Run make in sim_makefiles with this Python's cocotb; its exit status and all that it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("COCOTB", "PYTEST", "MAKE"))
    }
    command = ["make", "-C", str(ROOT / "sim_makefiles"), *arguments]
    result = subprocess.run(command, env=environment | {"PATH": path}, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout + result.stderr


RUNS = [("test_nic_registers", "nic"), ("test_board_mmio", "board"), ("test_board_mmio", None)]


def check_run(simulator, test, waves):
    folder = ROOT / "build" / "make" / simulator / (f"{test}-waves" if waves else test)
    status, output = make(f"SIM={simulator}", f"TEST={test}", f"WAVES={1 if waves else 0}")
    assert status == 0, output
    assert "FAIL=0" in output
    assert "PASS=0" not in output
    assert [file.name for suffix in ("fst", "vcd") for file in folder.glob(f"*.{suffix}")] == ([waves] if waves else [])


@pytest.mark.slow
@pytest.mark.parametrize(("test", "design"), RUNS)
def test_runs_a_test_with_waves_or_without(test, design):
    check_run("icarus", test, design and f"{design}.fst")


@pytest.mark.long
@pytest.mark.parametrize(("test", "design"), RUNS)
def test_runs_a_test_on_verilator(test, design):
    check_run("verilator", test, design and f"{design}.vcd")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["TEST=test_nothing"], "TEST=test_nothing is the beginning of no test"),
        (["SIM=vcs"], "SIM=vcs is not supported"),
    ],
)
def test_says_what_it_cannot_do(arguments, message):
    status, output = make(*arguments)
    assert status == 2
    assert message in output
