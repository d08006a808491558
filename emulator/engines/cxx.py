"""The C++ compiler: finds it, and compiles what Verilator wrote into a program or a shared library."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from emulator.engines.cache import cached_folder
from emulator.engines.tools import run_tool
from emulator.engines.verilator import find_verilator
from emulator.errors import UserError

_NAMES = ("c++", "g++", "clang++")

#: How Verilator ends the names of files with what runs but once.
_SLOW = "__Slow"

#: Libraries that Verilator's FST writer compresses with, and what stands in for those whose header files are missing.
_FST_LIBRARIES = {"lz4.h": "-llz4", "zlib.h": "-lz"}
_FST_HEADERS = Path(__file__).with_name("fst_headers")


@functools.cache
def find_compiler() -> tuple[str, str]:
    """The C++ compiler to use, CXX if that is set, and its version.

    Raises:
        UserError: there is none.
    """
    names = [os.environ["CXX"]] if os.environ.get("CXX") else _NAMES
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        raise UserError(
            f"no C++ compiler was found ({', '.join(names)}); on Debian or Ubuntu type: sudo apt-get install g++"
        )
    version = subprocess.run([program, "--version"], check=False, capture_output=True, text=True).stdout
    return program, version.partition("\n")[0]


def compile_verilated(
    output: Path,
    sources: Sequence[Path],
    *,
    log: Path,
    compile_options: Sequence[str] = (),
    link_options: Sequence[str] = (),
) -> None:
    """Compile and link the C++ files of a Verilated design.

    Arguments:
        output: the program or library; it lands beside the object files.
        sources: those that `verilate` returned, and one's own.
        log: what the compiler says is added to it.
        compile_options: for the compiler; they come after -O2.
        link_options: for the linker.

    Raises:
        UserError: there is no compiler, or it fails; with its first error and the log.
    """
    compiler, version = find_compiler()
    trace = any(source.stem == "verilated_fst_c" for source in sources)
    command = [*_compile_command(compiler, version, trace=trace), *compile_options, "-c"]
    of_verilator = [source for source in sources if source.is_relative_to(find_verilator().root)]
    folder = output.parent
    generated = [source for source in sources if source.is_relative_to(folder)]
    own = [source for source in sources if source not in of_verilator and source not in generated]
    objects = _library_objects(of_verilator, command, log)
    objects += _compile([*own, *_units(generated, folder)], folder, [*command, f"-I{folder}"], log)
    libraries = [library for header, library in _FST_LIBRARIES.items() if trace and _has_header(compiler, header)]
    run_tool([compiler, "-o", output, *objects, *link_options, *libraries, "-pthread"], log=log)


def _compile_command(compiler: str, version: str, *, trace: bool) -> list[str]:
    coroutines = [] if "clang" in version else ["-fcoroutines"]
    defines = {"VERILATOR": 1, "VL_TIME_CONTEXT": 1, "VM_COVERAGE": 0, "VM_SC": 0, "VM_TIMING": 1}
    defines |= {"VM_TRACE": int(trace), "VM_TRACE_FST": int(trace), "VM_TRACE_VCD": 0, "VM_TRACE_SAIF": 0}
    command = [compiler, "-O2", "-std=c++20", *coroutines]
    command += [f"-I{folder}" for folder in find_verilator().includes]
    command += [f"-D{name}={value}" for name, value in defines.items()]
    return [*command, "-idirafter", str(_FST_HEADERS)]


def _units(sources: Sequence[Path], folder: Path) -> list[Path]:
    """Files that include those Verilator wrote, a few for many: reading its header files takes as long as the rest."""
    slow = [source for source in sources if source.stem.endswith(_SLOW)]
    fast = sorted((source for source in sources if source not in slow), key=lambda source: -source.stat().st_size)
    units = {f"unit{_SLOW}": slow, "unit_even": fast[::2], "unit_odd": fast[1::2]}
    files = []
    for name, included in units.items():
        if included:
            files.append(folder / f"{name}.cpp")
            files[-1].write_text("".join(f'#include "{source.name}"\n' for source in included))
    return files


def _library_objects(sources: Sequence[Path], command: Sequence[str], log: Path) -> list[Path]:
    """The object files of Verilator's run-time library, which many designs share."""
    parameters = {"command": command, "compiler": find_compiler(), "verilator": find_verilator().version}
    folder = cached_folder("verilated", sources, parameters, lambda folder: _compile(sources, folder, command, log))
    return [folder / f"{source.stem}.o" for source in sources]


def _compile(sources: Sequence[Path], folder: Path, command: Sequence[str], log: Path) -> list[Path]:
    """Compile files into object files in a folder, as many at a time as there are processors."""

    def compile_one(source: Path) -> Path:
        target = folder / f"{source.stem}.o"
        level = ["-O0"] if source.stem.endswith(_SLOW) else []
        run_tool([*command, *level, source, "-o", target], log=log)
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, sources))


def _has_header(compiler: str, name: str) -> bool:
    """Whether the system has a header file."""
    command = [compiler, "-fsyntax-only", "-x", "c++", "-"]
    return not subprocess.run(
        command, input=f"#include <{name}>\n", capture_output=True, text=True, check=False
    ).returncode
