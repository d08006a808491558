"""Builds simulations for cocotb on Verilator: a program with cocotb's VPI library in it."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cocotb_tools import config

from emulator.engines import cxx, tools, verilator
from emulator.engines.cache import cached_folder, log_of
from emulator.engines.cxx import compile_verilated, find_compiler
from emulator.engines.sources import TOPLEVEL, board_sources
from emulator.engines.verilator import find_verilator, verilate

_MAIN = Path(__file__).with_name("verilator_main.cpp")
_ENGINE_SIGNALS = Path(__file__).with_name("board_signals.vlt")

#: Lets Python see every signal. Vectors then stay whole, so that one looks like a loop if a part of it is made of
#: another part; builds without this find the real loops.
ALL_SIGNALS = ("--public-flat-rw", "-Wno-UNOPTFLAT")

#: With all signals each NIC's slot has a clock of its own, and the memory is written at all of them.
ONE_MEMORY = "-Wno-MULTIDRIVEN"


def build_board(parameters: Mapping[str, int], *, waves: bool, all_signals: bool) -> Path:
    """The folder of a compiled board; see `build_simulation`.

    Arguments:
        parameters: of the Verilog top.
        waves: whether it shall be able to dump waves.
        all_signals: let Python see every signal; else those that the engine needs.

    Raises:
        UserError: Verilator or a C++ compiler is missing, too old, or fails.
    """
    find_verilator()  # before the NIC's Verilog is made
    options = [f"-G{name}={value}" for name, value in parameters.items()]
    options += ["--trace-fst", "--trace-structs"] if waves else []
    sources = board_sources(compiled=True, queues=parameters.get("QUEUES", 1))
    if all_signals:
        return build_simulation(TOPLEVEL, sources, [*options, *ALL_SIGNALS, ONE_MEMORY])
    return build_simulation(TOPLEVEL, [*sources, _ENGINE_SIGNALS], options)


def build_simulation(
    toplevel: str, sources: Sequence[Path], options: Sequence[str] = (), *, compile_options: Sequence[str] = ()
) -> Path:
    """The folder of a compiled simulation; it is made if it is not there. The program has the toplevel's name.

    Arguments:
        toplevel: name of the module on top.
        sources: Verilog files, and configuration files (.vlt).
        options: of Verilator, in addition; without more, Python sees the ports of the toplevel.
        compile_options: of the C++ compiler, in addition.

    Raises:
        UserError: Verilator or a C++ compiler is missing, too old, or fails.
    """
    versions = {"verilator": find_verilator().version, "compiler": find_compiler()}
    options = ["--vpi", "--timing", *options]

    def make(folder: Path) -> None:
        print(f"building {toplevel} for Verilator: once, takes up to a minute ...", file=sys.stderr, flush=True)
        _make(folder, toplevel, sources, options, compile_options)

    build_code = [Path(str(module.__file__)) for module in (cxx, tools, verilator)] + [Path(__file__), _MAIN]
    cocotb = {"cocotb": importlib.metadata.version("cocotb"), "its libraries": str(config.libs_dir)}
    parameters = {"toplevel": toplevel, "options": options, "compile options": compile_options, **versions, **cocotb}
    return cached_folder("verilator", [*sources, *build_code], parameters, make)


def _make(
    folder: Path, toplevel: str, sources: Sequence[Path], options: Sequence[str], compile_options: Sequence[str]
) -> None:
    log = log_of(folder)
    log.unlink(missing_ok=True)
    generated = verilate(folder, toplevel, sources, options, log=log)
    program = folder / toplevel
    libraries = config.libs_dir
    compile_verilated(
        program,
        [*generated, _MAIN],
        log=log,
        compile_options=compile_options,
        link_options=[f"-Wl,-rpath,{libraries}", f"-L{libraries}", "-lcocotbvpi_verilator", "-rdynamic"],
    )
    for file in folder.iterdir():
        if file != program:
            file.unlink()
