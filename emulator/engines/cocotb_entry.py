"""The cocotb test that runs a scenario: what a simulator started by launch.py finds inside."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cocotb

import emulator.capture  # noqa: F401  (its import of scapy takes longer than a short run and is none of it)
from emulator.cost_profiles import load_costs
from emulator.engines.board_signal import Handle
from emulator.engines.cocotb_engine import CocotbEngine
from emulator.engines.launch import DIRECTORY, OUTCOME, PROGRESS, SCENARIO
from emulator.errors import RunFailed, UserError
from emulator.progress import report_to
from emulator.run import run_scenario
from emulator.scenario import Scenario
from emulator.wire_timing import byte_time_ps


@cocotb.test
async def scenario(dut: Handle) -> None:
    """Run the scenario of the file that the environment names; what it ends with goes to another file."""
    options, directory, progress, outcome = (
        Path(os.environ[name]) for name in (SCENARIO, DIRECTORY, PROGRESS, OUTCOME)
    )
    ended: dict[str, str | int | None] = {}
    engine: CocotbEngine | None = None
    try:
        run = Scenario.from_json(options.read_text())
        engine = CocotbEngine(dut, load_costs(run.costs), byte_ps=byte_time_ps(run.rate))
        with report_to(progress) as report:
            await run_scenario(engine, run, directory, progress=report)
    except RunFailed as failure:
        ended = {"failed": str(failure), "details": failure.details}
    except UserError as error:
        ended = {"refused": str(error)}
    ended["first_interrupt"] = engine.first_interrupt if engine else None
    outcome.write_text(json.dumps(ended))
