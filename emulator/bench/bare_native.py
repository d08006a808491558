"""A scenario's traffic on the native board with no Python attached: the testbench bare_native.cpp."""

from __future__ import annotations

import subprocess
from pathlib import Path

from emulator.bench.bare_input import BareInput
from emulator.engines.cxx import find_compiler
from emulator.engines.native.build import INCLUDE, build_library
from emulator.engines.tools import run_tool
from emulator.errors import RunFailed
from emulator.scenario import Scenario

_TESTBENCH = Path(__file__).with_name("bare_native.cpp")


class BareNative:
    """The board with its testbench, compiled once; each `run` is a simulation."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        """Write what the testbench reads into a folder and compile it there."""
        folder.mkdir(parents=True, exist_ok=True)
        given = BareInput(scenario)
        given.write_binary(folder)
        library = build_library()
        compiler, _ = find_compiler()
        macros = [f"-D{name}={value}" for name, value in (given.sizes | given.constants).items()]
        self._folder = folder
        self._program = folder / "bare"
        link: list[str | Path] = [library, f"-Wl,-rpath,{library.parent}"]
        options = ["-O2", "-std=c++20", f"-I{INCLUDE}", *macros]
        run_tool([compiler, *options, _TESTBENCH, *link, "-o", self._program], log=folder / "build.log")

    def run(self) -> float:
        """Simulate once; clock cycles per wall second from the first frame on the wire to the last.

        Raises:
            RunFailed: not every frame came through.
        """
        return self._run()

    def idle(self, ns: int) -> float:
        """Let the board idle, every clock edge evaluated; clock cycles per wall second."""
        return self._run(str(ns))

    def _run(self, *arguments: str) -> float:
        result = subprocess.run(
            [str(self._program), *arguments], cwd=self._folder, check=False, capture_output=True, text=True
        )
        if result.returncode:
            raise RunFailed(f"the bare native board: {result.stderr.strip()}")
        cycles, wall_s = result.stdout.split()
        return int(cycles) / float(wall_s)
