"""``python -m hdl.formal``: all proofs hold for a few clocks, and a wrong name is told."""

import subprocess
import sys

import pytest

from mutants.mutant import ROOT


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it."""
    command = [sys.executable, "-m", "hdl.formal", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_all_proofs_hold_for_a_few_clocks() -> None:
    done = run("--short")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_name_that_is_none() -> None:
    done = run("rx_fifi")
    assert done.returncode == 2
    assert "there is no proof rx_fifi; there are interrupts" in done.stderr
