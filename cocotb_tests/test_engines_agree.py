"""One trace: a scenario gives the same trace and summary, to the byte, on every RTL engine, waves or not."""

import functools
import json
import os

import pytest

from emulator.engines.cxx import find_compiler
from emulator.engines.verilator import find_verilator
from emulator.errors import UserError
from emulator.execute import execute
from emulator.output import DELIVERED, SENT, SUMMARY, TRACE
from emulator.progress import no_progress
from emulator.scenario import BUNDLED_CAPTURE, Scenario

SCENARIOS = {
    "capture": {"capture": str(BUNDLED_CAPTURE)},
    "overload": {"generate": (60,), "count": 800, "costs": "router2002"},
    "irq": {"generate": (60,), "count": 800, "costs": "router2002", "mode": "irq"},
    "nics": {"generate": (60, 1514, 333), "count": 200, "nics": 3, "rate": 100_000_000, "ring": 64},
    "queues": {"generate": (60, 1514), "count": 300, "flows": 16, "queues": 2, "cpus": 2},
    "echo": {"generate": (60, 1514), "count": 100, "flows": 4, "app": "echo", "rate": 200_000_000},
    "few": {"generate": (60, 61, 1514), "count": 30},
}


def results(directory, **options):
    """What a run is compared by: the trace, the frames, and the summary but for what must differ."""
    directory.mkdir()
    execute(Scenario(**options), directory, no_progress)
    summary = json.loads((directory / SUMMARY).read_text())
    del summary["time"]["wall_s"], summary["scenario"]["engine"], summary["scenario"]["waves"]
    captures = [(directory / name).read_bytes() for name in (DELIVERED, SENT) if (directory / name).exists()]
    return (directory / TRACE).read_text(), captures, summary


@pytest.fixture(scope="module")
def on_icarus(tmp_path_factory):
    """The results of a scenario of this module on the engine icarus, run once."""
    return functools.cache(
        lambda name: results(tmp_path_factory.mktemp(name) / "run", engine="icarus", waves=False, **SCENARIOS[name])
    )


@pytest.fixture(scope="module")
def toolchain():
    """What compiled engines are built with; where it is missing their tests are skipped, but not in CI."""
    try:
        return find_verilator(), find_compiler()
    except UserError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


@pytest.mark.slow
@pytest.mark.usefixtures("toolchain")
@pytest.mark.parametrize(
    ("engine", "waves"),
    [
        ("verilator", False),
        ("native", False),
        ("native", True),
        ("verilator", True),
    ],
)
@pytest.mark.parametrize("name", ["capture", "overload", "irq"])
def test_engines_agree(tmp_path, on_icarus, name, engine, waves):
    assert results(tmp_path / "run", engine=engine, waves=waves, **SCENARIOS[name]) == on_icarus(name)


@pytest.mark.long
@pytest.mark.usefixtures("toolchain")
@pytest.mark.parametrize("name", ["queues", "nics"])
def test_the_native_engine_agrees_on_other_boards(tmp_path, on_icarus, name):
    assert results(tmp_path / "run", engine="native", waves=False, **SCENARIOS[name]) == on_icarus(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["few", *(pytest.param(name, marks=pytest.mark.long) for name in ("capture", "nics"))])
def test_icarus_agrees_with_itself_while_it_dumps_waves(tmp_path, on_icarus, name):
    assert results(tmp_path / "run", engine="icarus", waves=True, **SCENARIOS[name]) == on_icarus(name)


@pytest.mark.slow
@pytest.mark.usefixtures("toolchain")
@pytest.mark.parametrize("engine", ["verilator", "native"])
@pytest.mark.parametrize("name", ["few", "echo"])
def test_engines_agree_on_a_few_frames(tmp_path, on_icarus, name, engine):
    assert results(tmp_path / "run", engine=engine, waves=False, **SCENARIOS[name]) == on_icarus(name)
