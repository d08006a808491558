"""A driver that breaks a rule or raises on an RTL engine: the message crosses the process, and the files are there."""

import json
import runpy

import pytest

from cocotb_tests.support import SIM
from driver.e1000 import main as e1000
from emulator.errors import RunFailed
from emulator.execute import execute
from emulator.output import DELIVERED, PROC, SAVE_FILE, SUMMARY, TRACE, WAVES
from emulator.progress import no_progress
from emulator.scenario import Scenario

#: Python imports a module of this name when it starts, that of a simulator too.
SITE = "sitecustomize.py"

WRONG_DRIVER = """\
import driver.e1000.main as e1000

async def poll(napi, budget):
    return {value}

e1000.e1000_clean = poll
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a driver whose poll returns this; the error, and the folder of the files."""
    out = tmp_path / "out"
    out.mkdir()
    site = tmp_path / "site" / SITE
    site.parent.mkdir()

    def run(value, **options):
        site.write_text(WRONG_DRIVER.format(value=value))
        monkeypatch.syspath_prepend(site.parent)
        monkeypatch.setattr(e1000, "e1000_clean", e1000.e1000_clean)  # for engines in this process, and undone
        runpy.run_path(str(site))
        with pytest.raises(RunFailed) as failure:
            execute(Scenario(generate=(60,), count=5, **options), out, no_progress)
        return failure.value, out

    return run


ENGINES = [SIM, pytest.param("native", marks=pytest.mark.slow)]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_broken_rule(run, engine):
    failure, out = run("budget + 1", engine=engine, waves=engine == SIM)
    assert str(failure).startswith(
        "the driver broke the rule napi-poll-budget: eth0, napi 65: poll() returned 65, its budget was 64 ("
    )
    assert f"{SITE}:3 in poll" in str(failure)
    assert "Linux prints: eth0: NAPI poll function poll returned 65, exceeding its budget of 64." in failure.details
    summary = json.loads((out / SUMMARY).read_text())
    assert summary["failed"]["error"] == str(failure)
    assert summary["failed"]["details"] == failure.details.splitlines()
    assert summary["rules"]["broken"] == {"napi-poll-budget": 1}
    assert (out / TRACE).read_text().endswith("\n")
    names = {SUMMARY, TRACE, DELIVERED, PROC} | ({WAVES, SAVE_FILE} if engine == SIM else set())
    assert {path.name for path in out.iterdir()} == names
    if engine == SIM:
        assert (out / WAVES).stat().st_size > 0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_driver_that_raises(run, engine):
    failure, out = run("budget // 0", engine=engine, waves=False)
    assert str(failure).startswith("the driver raised ZeroDivisionError: ")
    lines = failure.details.splitlines()
    assert lines[0].startswith("  at ")
    assert lines[1].endswith(f"{SITE}:4 in poll")
    assert lines[2] == "    return budget // 0"
    assert len(lines) == 4
    assert json.loads((out / SUMMARY).read_text())["failed"]["details"] == lines
