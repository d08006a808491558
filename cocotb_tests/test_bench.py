"""The bench in its short form: all engines are measured, the raw values are kept, and the tables name every engine."""

import json

import pytest
from click.testing import CliRunner

from emulator.bench import __main__ as bench
from emulator.bench.bare_icarus import BareIcarus
from emulator.bench.bare_native import BareNative
from emulator.scenario import ENGINES, Scenario


@pytest.mark.parametrize("bare", [BareIcarus, pytest.param(BareNative, marks=pytest.mark.slow)])
def test_a_board_without_python_receives_everything(tmp_path, bare):
    assert bare(Scenario(generate=(60, 1514), count=40, ring=16, waves=False), tmp_path).run() > 0


@pytest.mark.slow
def test_one_short_round_fills_the_tables_of_the_engines(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    options = ["--rounds", "1", "--scale", "0.01", "--part", "engines"]
    result = CliRunner().invoke(bench.main, options, catch_exceptions=False)
    assert result.exit_code == 0
    for engine in ENGINES:
        assert f"| `{engine}` |" in result.stdout
    (file,) = tmp_path.glob("*.json")
    rounds = json.loads(file.read_text())["rounds"]
    assert all(len(values) == 1 for values in rounds.values())
