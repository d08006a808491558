"""Builds the board for Icarus."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from emulator.engines.cache import cached_folder, log_of
from emulator.engines.sources import TOPLEVEL, board_sources
from emulator.errors import UserError

#: The compiled simulation, as cocotb's runner calls it.
VVP = "sim.vvp"

#: Icarus says so of a process that it will never run; the design would differ from what Amaranth meant.
_NEVER_RUNS = "found no sensitivities"


def build_board(parameters: Mapping[str, int]) -> Path:
    """The folder of a compiled board with these parameters of the Verilog top; it is made if it is not there.

    Raises:
        UserError: Icarus is missing or too old.
    """
    require_icarus()
    sources = board_sources(queues=parameters.get("QUEUES", 1))

    def make(folder: Path) -> None:
        compile_verilog(folder / VVP, TOPLEVEL, sources, parameters, log=log_of(folder))

    return cached_folder("icarus", [*sources, Path(__file__)], {**parameters, "version": icarus_version()}, make)


def require_icarus() -> None:
    """Raise UserError with what to type if Icarus is not installed."""
    for program in ("iverilog", "vvp"):
        if shutil.which(program) is None:
            how = "brew install icarus-verilog" if sys.platform == "darwin" else "sudo apt-get install iverilog"
            raise UserError(f"{program} was not found: Icarus Verilog is not installed or not on the PATH; type: {how}")


@functools.cache
def icarus_version() -> str:
    """What Icarus says of itself."""
    result = subprocess.run(["iverilog", "-V"], check=False, capture_output=True, text=True)
    return result.stdout.partition("\n")[0]


def compile_verilog(
    vvp: Path, toplevel: str, sources: Iterable[Path], parameters: Mapping[str, object], *, log: Path
) -> None:
    """Compile a simulation for Icarus.

    Arguments:
        vvp: the file to make.
        toplevel: name of the module on top.
        sources: Verilog files.
        parameters: of the toplevel.
        log: what Icarus says; it is written only if that is bad.

    Raises:
        UserError: Icarus cannot; names the log.
    """
    options = vvp.with_suffix(".f")
    options.write_text("+timescale+1ns/1ps\n")  # for the NIC's Verilog, which says nothing of time
    settings = [f"-P{toplevel}.{name}={value}" for name, value in parameters.items()]
    command = ["iverilog", "-g2012", "-f", options, "-s", toplevel, *settings, "-o", vvp, *sources]
    result = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
    output = result.stdout + result.stderr
    if result.returncode or _NEVER_RUNS in output:
        log.write_text(output)
        raise UserError(f"iverilog cannot compile {toplevel}, see {log}; version 11 or later is needed")
