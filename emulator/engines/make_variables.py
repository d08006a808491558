"""``python -m emulator.engines.make_variables``: the tools for Verilator as variables for cocotb's Makefile.verilator.

It takes Verilator from the PATH, and the rest from what Verilator's configure found where it was built; both are wrong
for the one from PyPI.
"""

from __future__ import annotations

import os
import sys

from emulator.engines.build_verilator import ALL_SIGNALS, ONE_MEMORY
from emulator.engines.cxx import find_compiler
from emulator.engines.verilator import OPTIONS, find_verilator
from emulator.errors import UserError


def main() -> None:
    """Print the variables; one line on stderr and exit status 2 if a tool is missing."""
    try:
        verilator = find_verilator()
        compiler, version = find_compiler()
    except UserError as missing:
        print(f"make: {missing}", file=sys.stderr)
        sys.exit(2)
    coroutines = "" if "clang" in version else "-fcoroutines"
    print(f"export VERILATOR_ROOT := {verilator.root}")
    print(f"VERILATOR_BIN_DIR := {verilator.program.parent}")
    print(f"override CMD_BIN := {verilator.program.name}")
    print("override VLT_VERSION = $(VLT_MIN)")  # it has been checked
    print(f"COMPILE_ARGS += {' '.join(OPTIONS + ALL_SIGNALS)}")
    print(f'COMPILE_ARGS += -CFLAGS "-std=c++20 {coroutines}"')
    print(f"ONE_MEMORY := {ONE_MEMORY}")
    print(f"BUILD_ARGS += CXX={compiler} LINK={compiler} AR=ar OBJCACHE= PYTHON3={sys.executable}")
    print(f"BUILD_ARGS += -j{os.cpu_count()} CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O1 OPT_GLOBAL=-O1")


if __name__ == "__main__":
    main()
