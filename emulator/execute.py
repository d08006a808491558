"""Runs a scenario on its engine: in this process, or in a simulator's process if the engine is one of cocotb's."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from emulator.cost_profiles import load_costs
from emulator.errors import RunFailed
from emulator.output import SAVE_FILE, SUMMARY, WAVES
from emulator.progress import Progress
from emulator.report import as_failed, format_summary
from emulator.scenario import Scenario
from emulator.waves import Marker, write_save_file
from emulator.wire_timing import byte_time_ps


def execute(scenario: Scenario, directory: Path, progress: Progress) -> None:
    """Run a scenario; its files appear in the directory.

    Raises:
        UserError: the engine cannot be started.
        RunFailed: the run is wrong. If there is a summary.json the files are complete, and it says so.
    """
    try:
        _execute(scenario, directory, progress)
    except RunFailed as failure:
        summary = directory / SUMMARY
        if summary.exists():  # perhaps it was written before the RTL reported something
            summary.write_text(format_summary(as_failed(json.loads(summary.read_text()), failure)))
        raise


def _execute(scenario: Scenario, directory: Path, progress: Progress) -> None:
    if scenario.engine == "model":
        _execute_on_model(scenario, directory, progress)
    elif scenario.engine == "native":
        _execute_on_native(scenario, directory, progress)
    else:
        from emulator.engines.launch import run_in_simulator  # noqa: PLC0415  (only who simulates needs cocotb)

        run_in_simulator(scenario, directory, progress)


def prepare(scenario: Scenario) -> None:
    """Build what a scenario's run needs, unless it is there.

    Raises:
        UserError: it cannot be built.
    """
    if scenario.engine == "native":
        from emulator.engines.native.build import build_library  # noqa: PLC0415

        build_library(nics=scenario.nics, cpus=scenario.probed_cpus, queues=scenario.queues, waves=scenario.waves)
    elif scenario.engine != "model":
        from emulator.engines.launch import board_of  # noqa: PLC0415

        board_of(scenario)


def _execute_on_model(scenario: Scenario, directory: Path, progress: Progress) -> None:
    from emulator.engines.model import ModelEngine  # noqa: PLC0415
    from emulator.run import run_scenario  # noqa: PLC0415

    engine = ModelEngine(
        scenario.nics, load_costs(scenario.costs), byte_ps=byte_time_ps(scenario.rate), queues=scenario.queues
    )
    run_to_end(run_scenario(engine, scenario, directory, progress=progress))


def _execute_on_native(scenario: Scenario, directory: Path, progress: Progress) -> None:
    from emulator.engines.native.engine import NativeEngine  # noqa: PLC0415
    from emulator.run import run_scenario  # noqa: PLC0415

    waves = directory / WAVES if scenario.waves else None
    byte_ps = byte_time_ps(scenario.rate)
    costs, cpus = load_costs(scenario.costs), scenario.probed_cpus
    board = {"nics": scenario.nics, "cpus": cpus, "queues": scenario.queues}
    with NativeEngine(costs, **board, byte_ps=byte_ps, waves=waves) as engine:
        try:
            run_to_end(run_scenario(engine, scenario, directory, progress=progress))
        finally:
            first = engine.first_interrupt
            if waves:
                save, marker = directory / SAVE_FILE, None if first is None else Marker(first)
                write_save_file(save, scenario.engine, nics=scenario.nics, cpus=cpus, marker=marker)


def run_to_end(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never has to wait for anything outside, as on the engines model and native."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise AssertionError("an engine in this process waited for something outside")
