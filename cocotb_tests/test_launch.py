"""Starting simulations: what goes wrong ends in one line that names the log, and nothing stays green by mistake."""

import pytest

from cocotb_tests.support import SIM
from emulator.engines.board import build_board
from emulator.engines.launch import simulate
from emulator.errors import RunFailed, UserError


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Makes a cocotb test module of one test with this body, and returns its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(body):
        text = f"import cocotb\nimport os\n\n\n@cocotb.test\nasync def it(dut):\n    {body}\n"
        (tmp_path / "some_module.py").write_text(text)
        return "some_module"

    return make


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("assert False", "1 of 1 tests in the simulator failed"),
        ("os._exit(3)", "the simulation did not come to its end"),
        ("print('ERROR: rtl.v:7: ', flush=True)", "the RTL reports: rtl.v:7"),
    ],
)
def test_failure_is_one_line_that_names_the_log(module, tmp_path, body, message):
    log = tmp_path / "sim.log"
    with pytest.raises(RunFailed, match=message) as failure:
        simulate(build_board(SIM), module(body), log=log)
    assert str(log) in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_module_without_tests_is_a_failure(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "empty_module.py").write_text("")
    with pytest.raises(RunFailed):
        simulate(build_board(SIM), "empty_module", log=tmp_path / "sim.log")


def test_a_good_test_passes(module, tmp_path):
    simulate(build_board(SIM), module("assert dut is not None"), log=tmp_path / "sim.log")


def test_a_missing_simulator_is_a_users_error(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match=r"iverilog was not found: .* type: "):
        build_board("icarus")
