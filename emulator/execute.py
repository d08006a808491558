"""Runs a scenario on its engine: in this process on the model, in a simulator's process on RTL."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from emulator.cost_profiles import load_costs
from emulator.progress import Progress
from emulator.scenario import Scenario
from emulator.wire_timing import byte_time_ps


def execute(scenario: Scenario, directory: Path, progress: Progress) -> None:
    """Run a scenario; its files appear in the directory.

    Raises:
        UserError: the engine cannot be started.
        RunFailed: the run is wrong.
    """
    if scenario.engine == "model":
        _execute_on_model(scenario, directory, progress)
    else:
        from emulator.engines.launch import run_in_simulator  # noqa: PLC0415  (only who simulates needs cocotb)

        run_in_simulator(scenario, directory, progress)


def _execute_on_model(scenario: Scenario, directory: Path, progress: Progress) -> None:
    from emulator.engines.model import ModelEngine  # noqa: PLC0415
    from emulator.run import run_scenario  # noqa: PLC0415

    engine = ModelEngine(scenario.nics, load_costs(scenario.costs), byte_ps=byte_time_ps(scenario.rate))
    run_to_end(run_scenario(engine, scenario, directory, progress=progress))


def run_to_end(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never has to wait for anything outside, as on the model engine."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise AssertionError("the model engine waited for something outside")
