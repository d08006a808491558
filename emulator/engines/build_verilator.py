"""Builds the board for cocotb on Verilator: a program with cocotb's VPI library in it."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Mapping
from pathlib import Path

from cocotb_tools import config

from emulator.engines import cxx, tools, verilator
from emulator.engines.cache import cached_folder, log_of
from emulator.engines.cxx import compile_verilated, find_compiler
from emulator.engines.sources import TOPLEVEL, board_sources
from emulator.engines.verilator import find_verilator, verilate

_MAIN = Path(__file__).with_name("verilator_main.cpp")


_SIGNALS = Path(__file__).with_name("board_signals.vlt")


def build_board(parameters: Mapping[str, int], *, waves: bool, all_signals: bool) -> Path:
    """The folder of a compiled board; it is made if it is not there. The program has the toplevel's name.

    Arguments:
        parameters: of the Verilog top.
        waves: whether it shall be able to dump waves.
        all_signals: let Python see every signal; else those that the engine needs.

    Raises:
        UserError: Verilator or a C++ compiler is missing, too old, or fails.
    """
    sources = board_sources(compiled=True)
    options = [
        "--vpi",
        "--timing",
        "-Wno-fatal",
        "-Wno-WIDTH",
        *(f"-G{name}={value}" for name, value in parameters.items()),
    ]
    options += ["--trace-fst", "--trace-structs"] if waves else []
    if all_signals:
        options.append("--public-flat-rw")
    else:
        sources.append(_SIGNALS)

    def make(folder: Path) -> None:
        print("building the board for Verilator: once, takes a minute ...", file=sys.stderr, flush=True)
        log = log_of(folder)
        log.unlink(missing_ok=True)
        generated = verilate(folder, TOPLEVEL, sources, options, log=log)
        compile_verilated(folder / TOPLEVEL, [*generated, _MAIN], log=log, link_options=_cocotb_library())
        for file in folder.iterdir():
            if file.name != TOPLEVEL:
                file.unlink()

    own = [Path(str(module.__file__)) for module in (cxx, tools, verilator)] + [Path(__file__)]
    versions = {"verilator": find_verilator().version, "compiler": find_compiler()}
    cocotb = {"cocotb": importlib.metadata.version("cocotb"), "its libraries": str(config.libs_dir)}
    return cached_folder("verilator", [*sources, *own, _MAIN], {"options": options, **versions, **cocotb}, make)


def _cocotb_library() -> list[str]:
    folder = config.libs_dir
    return [f"-Wl,-rpath,{folder}", f"-L{folder}", "-lcocotbvpi_verilator"]
