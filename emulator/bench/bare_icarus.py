"""A scenario's traffic on the board under Icarus with no Python attached: the testbench bare_board.v."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from emulator.bench.bare_input import BareInput
from emulator.engines.build_icarus import compile_verilog, require_icarus
from emulator.engines.sources import board_sources
from emulator.errors import RunFailed
from emulator.scenario import Scenario

_TESTBENCH = Path(__file__).with_name("bare_board.v")


class BareIcarus:
    """The board with its testbench, compiled once; each `run` is a simulation."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        """Write what the testbench reads into a folder and compile it there."""
        require_icarus()
        folder.mkdir(parents=True, exist_ok=True)
        given = BareInput(scenario)
        given.write_hex(folder)
        words = {"FRAME_WORDS": "frames", "RING_WORDS": "ring", "SETUP_WRITES": "setup"}
        parameters = given.sizes | given.constants | {name: given.elements(file) for name, file in words.items()}
        self._folder = folder
        self._vvp = folder / "bare.vvp"
        sources = [_TESTBENCH, *board_sources()]
        compile_verilog(self._vvp, "bare_board", sources, parameters, log=folder / "build.log")

    def run(self) -> float:
        """Simulate once; clock cycles per wall second from the first frame on the wire to the last.

        Raises:
            RunFailed: not every frame came through.
        """
        started = ended = cycles = 0.0
        with subprocess.Popen(["vvp", "-n", self._vvp], cwd=self._folder, stdout=subprocess.PIPE, text=True) as vvp:
            assert vvp.stdout is not None
            for line in vvp.stdout:
                if line.startswith("START"):
                    started = time.perf_counter()
                elif line.startswith("END"):
                    ended, cycles = time.perf_counter(), int(line.split()[1])
                elif "ERROR" in line:
                    raise RunFailed(f"the bare board: {line.strip()}")
        if not ended:
            raise RunFailed("the bare board's simulation did not come to its end")
        return cycles / (ended - started)
