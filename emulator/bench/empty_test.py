"""A cocotb test that does nothing but wait: how fast a simulator runs the board with cocotb attached and no events."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import cocotb
from cocotb.triggers import Timer

from emulator.engines.board import build_board
from emulator.engines.board_latencies import CLOCK_NS
from emulator.engines.board_signal import Handle
from emulator.engines.launch import simulate

_RESULT = "NAPI_HIL_EMPTY_TEST"

#: Clock cycles of a test, about a second's worth.
_CYCLES = {"icarus": 300_000, "verilator": 1_000_000}


def run_empty_test(engine: str) -> float:
    """Run the test on the board of a cocotb engine; clock cycles per wall second."""
    board = build_board(engine, all_signals=False)
    with tempfile.TemporaryDirectory() as directory:
        result = Path(directory) / "result"
        environment = {_RESULT: str(result)}
        simulate(board, __name__, log=Path(directory) / "log", environment=environment)
        return _CYCLES[engine] / float(result.read_text())


@cocotb.test
async def wait(dut: Handle) -> None:
    """Wait, and write down how many wall seconds that took."""
    cycles = next(number for name, number in _CYCLES.items() if name in cocotb.SIM_NAME.lower())
    started = time.perf_counter()
    await Timer(cycles * CLOCK_NS, unit="ns")
    Path(os.environ[_RESULT]).write_text(str(time.perf_counter() - started))
