"""Runs the tools of a build; what they complain about goes to a log and, its first line, to the user."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from emulator.errors import UserError

#: Verilator's errors, its warnings, which are errors too, and the errors of GCC, Clang and linkers.
_ERROR = re.compile(r"%Error|%Warning|\berror: |\bundefined reference\b|\bcannot find\b")


def run_tool(command: Sequence[str | Path], *, log: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run a program to its end.

    Arguments:
        command: the program and its arguments.
        log: file to which the command and what it prints are added.
        environment: of the program; that of this process if not given.

    Raises:
        UserError: the program failed; with its first error and the log.
    """
    arguments = list(map(str, command))
    result = subprocess.run(arguments, check=False, capture_output=True, text=True, errors="replace", env=environment)
    output = result.stdout + result.stderr
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{' '.join(arguments)}\n{output}")
    if result.returncode:
        raise UserError(f"{Path(arguments[0]).name} failed: {_first_error(output, result.returncode)}; see {log}")


def _first_error(output: str, status: int) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in lines if _ERROR.search(line)), lines[0] if lines else f"exit status {status}")
