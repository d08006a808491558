"""``python -m mutants [TEXT...]``: seed each bug whose file or words contain a TEXT, and see it found."""

import argparse
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mutants.mutant import ROOT, Mutant, mutants

#: What a copy of the repository needs.
_PARTS = ("hdl", "driver", "emulator", "cocotb_tests", "tests", "pyproject.toml")

#: Exit status of pytest, and of ``python -m hdl.formal``, when something failed, and nothing else was wrong.
_FAILED = 1

BUILD = ROOT / "build" / "mutants"


def main() -> int:
    """Print a line per mutant; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m mutants", description=__doc__)
    parser.add_argument("text", nargs="*")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time")
    arguments = parser.parse_args()
    chosen = [m for m in mutants() if not arguments.text or any(t in m.file + m.bug for t in arguments.text)]
    if not chosen:
        parser.error("no mutant has that in its file or words")
    with ThreadPoolExecutor(arguments.jobs) as pool:
        found = list(pool.map(_report, range(len(chosen)), chosen))
    print(f"{sum(found)} of {len(found)} were found")
    return 0 if all(found) else 1


def _report(number: int, mutant: Mutant) -> bool:
    status, log = _run(number, mutant)
    found = status == _FAILED
    words = (
        "found" if found else "NOT FOUND" if status == 0 else f"the tests did not run (exit status {status}):\n{log}"
    )
    print(f"{mutant.file}: {mutant.bug}\n    {mutant.found_by}: {words}", flush=True)
    return found


def _run(number: int, mutant: Mutant) -> tuple[int, str]:
    """The exit status of the test in a copy with the bug, and what it printed."""
    copy = BUILD / str(number)
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for part in _PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / part)
    mutant.apply(copy)
    if mutant.by_proof:
        command = [sys.executable, "-m", "hdl.formal", Path(mutant.found_by).stem]
    else:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutant.found_by]
    environment = os.environ | {"PYTHONPATH": str(copy), "CI": "true"}  # the slow tests too
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    shutil.rmtree(copy, ignore_errors=True)
    return done.returncode, done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main())
