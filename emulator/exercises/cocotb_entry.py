"""The cocotb test that runs the trials of a job: what a simulator started by child.py finds inside."""

from __future__ import annotations

import os
from pathlib import Path

import cocotb

from driver.kernel.costs import Costs
from emulator.engines.base import Engine
from emulator.engines.board_signal import Handle
from emulator.engines.cocotb_engine import CocotbEngine
from emulator.exercises.child import BYTE_PS, JOB, Job
from emulator.exercises.trial import bring_to_rest, run_trial
from emulator.exercises.watchdog import Watchdog


@cocotb.test
async def trials(dut: Handle) -> None:
    """Run them one after the other on the same board, reset in between."""
    job = Job.from_json(Path(os.environ[JOB]).read_text(encoding="utf-8"))
    watchdog = Watchdog(job.beat)
    engines: list[Engine] = []

    def make_engine(costs: Costs) -> Engine:
        engines.append(CocotbEngine(dut, costs, byte_ps=BYTE_PS))
        return engines[-1]

    for trial in job.trials:
        if engines:
            await bring_to_rest(engines[-1])
        job.report(await run_trial(make_engine, trial, watchdog, job.report))
