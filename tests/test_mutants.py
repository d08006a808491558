"""The list of mutants fits the source: each has its place, once, and its test."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mutants.mutant import ROOT, Mutant, mutants


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.bug)
def test_a_mutant_can_be_seeded(mutant: Mutant, tmp_path: Path) -> None:
    assert (ROOT / mutant.found_by.partition("::")[0]).exists()
    copy = tmp_path / mutant.file
    copy.parent.mkdir(parents=True)
    shutil.copy(ROOT / mutant.file, copy)
    mutant.apply(tmp_path)
    compile(copy.read_text(), mutant.file, "exec")
    # A name that is not there would make any test fail, and the mutant pass for found.
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--quiet", "--select", "F821", str(copy)]
    names = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert names.returncode == 0, names.stdout + names.stderr


def test_there_are_enough_over_all_blocks() -> None:
    listed = mutants()
    assert len(listed) >= 25
    assert len({mutant.file for mutant in listed}) >= 15
