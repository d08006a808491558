"""Runs cocotb tests on the board in a simulator's process, a scenario among them, and says plainly what went wrong."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from emulator.engines.board import Board, build_board
from emulator.engines.cache import BUILD
from emulator.engines.sources import TOPLEVEL
from emulator.errors import RunFailed, UserError
from emulator.output import SAVE_FILE, WAVES
from emulator.progress import Progress, follow
from emulator.scenario import Scenario
from emulator.waves import Marker, write_save_file

#: An assertion of the RTL that has failed, as vvp, Verilator and the harness's own checks report it. Not all of them
#: end the simulation.
RTL_ERROR = re.compile(r"(?:\[\d+\] )?(?:ERROR: |%Error: )(?P<what>.*)")

#: Environment variables by which cocotb_entry.py learns the names of its files.
SCENARIO, DIRECTORY, PROGRESS, OUTCOME = (
    f"NAPI_HIL_{name}" for name in ("SCENARIO", "DIRECTORY", "PROGRESS", "OUTCOME")
)


def run_in_simulator(scenario: Scenario, directory: Path, progress: Progress) -> None:
    """Run a scenario on the board under the simulator that its engine names; its files appear in the directory.

    Raises:
        UserError: the simulator is missing, or the scenario cannot be run.
        RunFailed: the run is wrong.
    """
    BUILD.mkdir(exist_ok=True)
    log = BUILD / f"run-{os.getpid()}.log"
    board = board_of(scenario)
    with tempfile.TemporaryDirectory(prefix="napi-hil-") as temporary:
        files = {name: Path(temporary) / name.lower() for name in (SCENARIO, PROGRESS, OUTCOME)}
        files[SCENARIO].write_text(scenario.to_json())
        waves = directory.absolute() / WAVES if scenario.waves else None
        with follow(files[PROGRESS], progress):
            simulate(
                board,
                "emulator.engines.cocotb_entry",
                log=log,
                waves=waves,
                environment={
                    **{name: str(path) for name, path in files.items()},
                    DIRECTORY: str(directory.absolute()),
                    "COCOTB_REWRITE_ASSERTION_FILES": "",  # it would compile every module anew, half a second for scapy
                },
            )
        outcome = json.loads(files[OUTCOME].read_text())
    log.unlink()
    if "refused" in outcome:
        raise UserError(outcome["refused"])
    if waves:
        first = outcome["first_interrupt"]
        marker = None if first is None else Marker(first)
        write_save_file(
            directory / SAVE_FILE, scenario.engine, nics=scenario.nics, cpus=scenario.probed_cpus, marker=marker
        )
    if "failed" in outcome:
        raise RunFailed(outcome["failed"], outcome["details"])


def board_of(scenario: Scenario) -> Board:
    """The board that a scenario's run needs; it is made if it is not there.

    Raises:
        UserError: the simulator or its compiler is missing, too old, or fails.
    """
    return build_board(
        scenario.engine,
        nics=scenario.nics,
        cpus=scenario.probed_cpus,
        queues=scenario.queues,
        waves=scenario.waves,
        all_signals=False,
    )


def simulate(
    board: Board,
    test_module: str,
    *,
    log: Path,
    waves: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run the cocotb tests of a module on a board made by `build_board`.

    Arguments:
        board: the compiled board.
        test_module: full name of the Python module.
        log: file for what the simulation prints.
        waves: file for the waveform; none if not given.
        environment: variables for the tests.

    Raises:
        RunFailed: a test failed, none ran, an assertion of the RTL fired or the simulator crashed; names the log.
        ValueError: the board cannot dump waves.
    """
    if waves and not board.waves:
        raise ValueError("this board was built without waves")
    icarus = board.simulator == "icarus"
    runner = get_runner(board.simulator)
    with tempfile.TemporaryDirectory(prefix="napi-hil-") as temporary:
        results = Path(temporary) / "results.xml"
        # What these mean stands in the results. Under pytest the runner exits; elsewhere somebody ends this process.
        raised = (RuntimeError, SystemExit) if "PYTEST_CURRENT_TEST" in os.environ else (RuntimeError,)
        with contextlib.suppress(*raised):
            runner.test(
                test_module=test_module,
                hdl_toplevel=TOPLEVEL,
                hdl_toplevel_lang="verilog",
                build_dir=board.folder,
                test_dir=temporary,
                test_args=["-n"] if icarus else [],  # no prompt on Ctrl-C
                plusargs=[f"+waves={waves}"] if waves else [],
                extra_env=environment or {},
                waves=icarus and waves is not None,  # vvp must be told the format; Verilator's dump is that of board.v
                results_xml=str(results),
                log_file=log,
            )
        try:
            tests, failures = get_results(results)
        except RuntimeError:
            tests = failures = -1
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if error := RTL_ERROR.match(line):
            raise RunFailed(f"the RTL reports: {error['what']}; see {log}")
    if tests < 0:
        raise RunFailed(f"the simulation did not come to its end; see {log}")
    if failures or not tests:
        raise RunFailed(f"{failures} of {tests} tests in the simulator failed; see {log}")
