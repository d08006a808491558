"""Builds a block's Verilog and runs cocotb tests on it, so that nothing that goes wrong stays green.

Every test module is run by its pytest function ``test_...``; its cocotb tests have other names, so that pytest leaves
them to the simulator. ``COCOTB_RANDOM_SEED=n`` repeats a run; the log prints the seed. ``SIM`` names the simulator.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from emulator.engines.build_icarus import VVP, compile_verilog, icarus_version
from emulator.engines.build_verilator import ALL_SIGNALS, build_simulation
from emulator.engines.cache import cached_folder, log_of
from emulator.engines.launch import RTL_ERROR
from emulator.engines.sources import cached_nic
from hdl.nic import verilog
from hdl.nic.nic import Nic

ROOT = Path(__file__).parents[1]

#: Everything that tests write goes below this folder; test processes that run side by side have one each.
BUILD = ROOT / "build" / "cocotb" / os.environ.get("PYTEST_XDIST_WORKER", "")

#: The simulator of all tests.
SIM = os.environ.get("SIM", "icarus")

#: How the RTL is written for it.
_FORM = verilog.Form.COMPILED if SIM == "verilator" else verilog.Form.EVENT_DRIVEN


def first_always(first: int, *others: int) -> list:
    """Values of a test's parameter: the first one always, the others in CI only."""
    return [first, *(pytest.param(other, marks=pytest.mark.slow) for other in others)]


def build_folder(name: str) -> Path:
    """An existing folder for one test's files."""
    folder = BUILD / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def nic_verilog(**parameters: int) -> Path:
    """The whole NIC with checks; made if it is not there."""

    def make(folder: Path) -> None:
        _write(folder / "nic.v", Nic(**parameters, checks=True), "nic")

    return cached_nic("checked-nic", {**parameters, "form": _FORM.name}, make) / "nic.v"


def write_verilog(component, name: str, *, folder: str | None = None) -> Path:
    """Write a component's Verilog; the module is called ``name``, and so is the folder if none is given."""
    path = build_folder(folder or name) / f"{name}.v"
    _write(path, component, name)
    return path


def _write(path: Path, component, name: str) -> None:
    path.write_text(verilog.convert(component, name, form=_FORM))


def simulate(
    test_module: str,
    toplevel: str,
    sources: Sequence[Path],
    *,
    folder: str | None = None,
    plusargs: Sequence[str] = (),
) -> None:
    """Build and run; at least one test must have run and none may have failed, nor an assertion of the RTL.

    Arguments:
        test_module: name of the Python module with the cocotb tests, without its package.
        toplevel: name of the Verilog module.
        sources: Verilog files.
        folder: name of the folder for the results; that of the test module if not given.
        plusargs: arguments for the simulation.

    Raises:
        AssertionError: with what went wrong and where the log is.
    """
    build_dir = _compile(toplevel, sources)
    test_dir = build_folder(folder or test_module)
    test_log = test_dir / "test.log"
    try:
        results = get_runner(SIM).test(
            test_module=f"cocotb_tests.{test_module}",
            hdl_toplevel=toplevel,
            hdl_toplevel_lang="verilog",
            build_dir=build_dir,
            test_dir=test_dir,
            results_xml=str(test_dir / "results.xml"),
            plusargs=list(plusargs),
            log_file=test_log,
        )
    except (SystemExit, RuntimeError):  # so the runner says that tests failed, or the simulator
        pytest.fail(f"see {test_log}:\n{_tail(test_log)}")
    tests, failures = get_results(results)
    assert tests, f"no test ran, see {test_log}"
    assert not failures, f"{failures} of {tests} tests failed, see {test_log}"
    check_log(test_log)


def _compile(toplevel: str, sources: Sequence[Path]) -> Path:
    """The folder of the compiled simulation; it is made if it is not there."""
    if SIM == "verilator":
        # Compiling takes longer than simulating.
        return build_simulation(toplevel, tuple(sources), ALL_SIGNALS, compile_options=["-O0"])

    def make(folder: Path) -> None:
        compile_verilog(folder / VVP, toplevel, sources, {}, log=log_of(folder))

    return cached_folder("bench", sources, {"toplevel": toplevel, "version": icarus_version()}, make)


def check_log(log: Path) -> None:
    """Raise AssertionError if a log holds what the simulator reports without failing."""
    bad = [line for line in log.read_text().splitlines() if RTL_ERROR.match(line)]
    assert not bad, f"{log}: {len(bad)} lines like: {bad[0]}"


def _tail(log: Path) -> str:
    return "\n".join(log.read_text().splitlines()[-60:])


async def start(dut, **inputs: int) -> None:
    """Drive the given inputs, start the clock and reset the block."""
    for name, value in inputs.items():
        getattr(dut, name).value = value
    dut.rst.value = 1
    await Timer(1, unit="ns")  # no edge may see the inputs undriven
    Clock(dut.clk, 8, unit="ns", impl="gpi").start()
    for _ in range(2):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    await RisingEdge(dut.clk)


async def cycles(dut, count: int) -> None:
    """Wait for a number of rising edges."""
    for _ in range(count):
        await RisingEdge(dut.clk)
