"""Builds the board as a shared library: Verilator's C++ of hdl/harness and the NIC, and board.cpp in front of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from emulator.engines import cxx, tools, verilator
from emulator.engines.cache import cached_folder, log_of
from emulator.engines.cxx import compile_verilated, find_compiler
from emulator.engines.sources import native_sources
from emulator.engines.verilator import find_verilator, verilate

TOPLEVEL = "native_board"

#: Header files of the C interface.
INCLUDE = Path(__file__).parent

_LIBRARY = "board.so"
_OWN = [INCLUDE / name for name in ("board.cpp", "board.h", "print.h")]


def build_library(  # noqa: PLR0913  (what a board can be made of)
    *,
    nics: int = 1,
    cpus: int = 1,
    queues: int = 1,
    waves: bool = False,
    data_width: int = 64,
    rx_fifo_bytes: int = 16384,
) -> Path:
    """The library of a board with these parameters; it is made if it is not there.

    Arguments:
        nics: how many NICs.
        cpus: for how many CPUs it has probes.
        queues: receive queues of a NIC, and transmit queues.
        waves: whether it can write a waveform; that makes it slower.
        data_width: bits of the NICs' DMA ports and streams.
        rx_fifo_bytes: size of a NIC's receive FIFO.

    Raises:
        UserError: Verilator or a C++ compiler is missing, too old, or fails.
    """
    versions = {"verilator": find_verilator().version, "compiler": find_compiler()}
    sources = native_sources(queues=queues, data_width=data_width, rx_fifo_bytes=rx_fifo_bytes)
    parameters = {"NICS": nics, "CPUS": cpus, "QUEUES": queues, "DATA_WIDTH": data_width}
    options = [f"-G{name}={value}" for name, value in parameters.items()]
    options += ["-O3", "--x-assign", "0", "--x-initial", "0"]
    options += ["--trace-fst", "--trace-structs"] if waves else []

    def make(folder: Path) -> None:
        print("building the native board: once, takes half a minute ...", file=sys.stderr, flush=True)
        _make(folder, sources, options, nics=nics, waves=waves)

    build_code = [Path(str(module.__file__)) for module in (cxx, tools, verilator)]
    files = [*sources, *_OWN, *build_code, Path(__file__)]
    return cached_folder("native", files, {"options": options, **versions}, make) / _LIBRARY


def _make(folder: Path, sources: Sequence[Path], options: Sequence[str], *, nics: int, waves: bool) -> None:
    log = log_of(folder)
    log.unlink(missing_ok=True)
    generated = verilate(folder, TOPLEVEL, sources, options, log=log)
    compile_verilated(
        folder / _LIBRARY,
        [*generated, INCLUDE / "board.cpp"],
        log=log,
        compile_options=["-O2", "-fPIC", f"-DNICS={nics}", f"-I{INCLUDE}", "-include", "print.h"],
        link_options=["-shared"],
    )
    for file in folder.iterdir():
        if file.name != _LIBRARY:
            file.unlink()
