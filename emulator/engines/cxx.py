"""The C++ compiler: finds it, and compiles what Verilator wrote into a program or a shared library."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from emulator.engines.tools import run_tool
from emulator.engines.verilator import find_verilator
from emulator.errors import UserError

_NAMES = ("c++", "g++", "clang++")


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
        compile_options: for the compiler; they come after -O3.
        link_options: for the linker.

    Raises:
        UserError: there is no compiler, or it fails; with its first error and the log.
    """
    compiler, version = find_compiler()
    trace = any(source.stem == "verilated_fst_c" for source in sources)
    coroutines = [] if "clang" in version else ["-fcoroutines"]
    defines = {"VERILATOR": 1, "VL_TIME_CONTEXT": 1, "VM_COVERAGE": 0, "VM_SC": 0, "VM_TIMING": 1}
    defines |= {"VM_TRACE": int(trace), "VM_TRACE_FST": int(trace), "VM_TRACE_VCD": 0, "VM_TRACE_SAIF": 0}
    command = [compiler, "-O3", "-std=c++20", *coroutines, f"-I{output.parent}"]
    command += [f"-I{folder}" for folder in find_verilator().includes]
    command += [f"-D{name}={value}" for name, value in defines.items()]

    def compile_one(source: Path) -> Path:
        target = output.parent / f"{source.stem}.o"
        level = ["-O1"] if source.stem.endswith("__Slow") else []  # so Verilator calls what runs but once
        run_tool([*command, *compile_options, *level, "-c", source, "-o", target], log=log)
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sources))
    libraries = ["-lz", "-llz4"] if trace else []
    run_tool([compiler, "-o", output, *objects, *link_options, *libraries, "-pthread"], log=log)
