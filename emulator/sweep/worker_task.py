"""What a worker does: one run, on a machine that has the same emulator and the same files as that of the sweep."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
from dataclasses import fields
from pathlib import Path
from typing import Any

from emulator.errors import RunFailed, UserError
from emulator.execute import execute
from emulator.output import SUMMARY
from emulator.progress import no_progress
from emulator.scenario import Scenario
from emulator.sweep.identity import Contents, contents_of
from emulator.sweep.result_store import Result

#: Runs take turns if a worker has several threads: a run keeps one Python busy, and simulators log by process.
_one_at_a_time = threading.Lock()


def run_one(options: dict[str, Any], expected: Contents) -> Result:
    """Run a scenario, given as Scenario.to_dict has it; a run that fails is a result too.

    Raises:
        UserError: this machine cannot do it: its files differ from those expected, or its engine cannot be started.
    """
    scenario = Scenario.from_dict(options)
    _check_contents(scenario, expected)
    with _one_at_a_time, tempfile.TemporaryDirectory(prefix="napi-hil-") as temporary:
        directory = Path(temporary)
        try:
            execute(scenario, directory, no_progress)
            return Result(summary=json.loads((directory / SUMMARY).read_text(encoding="utf-8")))
        except UserError:
            raise
        except RunFailed as error:
            return Result(error=str(error))
        except Exception as error:
            return Result(error=f"{type(error).__name__}: {' '.join(str(error).split())}")


def _check_contents(scenario: Scenario, expected: Contents) -> None:
    found = contents_of(scenario)
    differing = [field.name for field in fields(found) if getattr(found, field.name) != getattr(expected, field.name)]
    if not differing:
        return
    what = {
        "sources": "the sources of napi-hil differ; install those from here there, then restart the worker",
        "capture": f"{scenario.capture} differs; copy the one from here there",
        "costs": f"cost profile {scenario.costs} differs; copy the one from here there",
    }
    raise UserError(f"worker on {socket.gethostname()}: {what[differing[0]]}")
