"""``python -m emulator.bench.child WHAT ARGUMENT``: one measurement, its figures as a line of JSON on stdout.

measure.py starts it: in a process of its own a measurement has memory of its own and finds Python as a user's command
does.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from emulator.bench.empty_test import run_empty_test
from emulator.cost_profiles import load_costs
from emulator.emulation import Emulation
from emulator.engines import cache
from emulator.errors import RunFailed, UserError
from emulator.execute import execute, prepare, run_to_end
from emulator.output import SUMMARY
from emulator.progress import no_progress
from emulator.scenario import Scenario

Figures = dict[str, float]

#: After so many ns a board is idle: its NICs have read their EEPROMs.
_POWER_ON_NS = 2_000_000


def run(scenario: str) -> Figures:
    """Run a scenario, given as JSON."""
    with tempfile.TemporaryDirectory() as directory:
        execute(Scenario.from_json(scenario), Path(directory), no_progress)
        summary = json.loads((Path(directory) / SUMMARY).read_text())
    wall_s = summary["time"]["wall_s"]
    return {
        "cycles_per_s": summary["time"]["cycles"] / wall_s,
        "packets_per_s": summary["frames"]["delivered"] / wall_s,
        "us_per_frame": 1e6 * wall_s / summary["frames"]["offered"],
    }


def idle(ns: str) -> Figures:
    """Let a kernel with nothing to do run for so long on the native board, every clock edge evaluated."""
    from emulator.engines.native.engine import NativeEngine  # noqa: PLC0415  (it needs a C++ compiler)

    costs = load_costs("modern")
    with NativeEngine(costs) as engine:
        engine.evaluate_every_edge()
        emulation = Emulation(engine, costs)
        run_to_end(emulation.run_for(_POWER_ON_NS))
        first, started = engine.cycles, time.perf_counter()
        run_to_end(emulation.run_for(int(ns)))
        return {"cycles_per_s": (engine.cycles - first) / (time.perf_counter() - started)}


def memory_mb() -> float:
    """The most resident memory that this process or one below it had.

    Not ru_maxrss for this one where there is something better: Linux lets a process begin with that of its parent.
    """
    own_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    status = Path("/proc/self/status")
    if status.exists():
        own_kb = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return max(own_kb, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


def empty(engine: str) -> Figures:
    """An empty cocotb test on an engine's board."""
    return {"cycles_per_s": run_empty_test(engine)}


def build(engine: str) -> Figures:
    """Build an engine, with an empty cache."""
    with tempfile.TemporaryDirectory() as directory:
        cache.BUILD = Path(directory)
        started = time.perf_counter()
        prepare(Scenario(generate=(60,), count=1, engine=engine, waves=False))
        return {"seconds": time.perf_counter() - started}


MEASUREMENTS: dict[str, Callable[[str], Figures]] = {"run": run, "idle": idle, "empty": empty, "build": build}

if __name__ == "__main__":
    try:
        print(json.dumps(MEASUREMENTS[sys.argv[1]](sys.argv[2]) | {"memory_mb": memory_mb()}))
    except (UserError, RunFailed) as error:
        sys.exit(str(error))
