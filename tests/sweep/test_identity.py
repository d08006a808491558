"""Names of results: the same for the same run, different for any other."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from emulator.errors import UserError
from emulator.scenario import Scenario
from emulator.sweep.identity import Contents, contents_of, run_name
from tests.capture_files import Stamped, pcap

ROOT = Path(__file__).parents[2]
GENERATED = Scenario(generate=(60,), count=5)


def name(scenario: Scenario) -> str:
    return run_name(scenario, contents_of(scenario))


def capture(path: Path, first_byte: int) -> Scenario:
    path.write_bytes(pcap([Stamped(bytes([first_byte]) * 60)]).content)
    return Scenario(capture=str(path))


def test_it_is_the_content_of_a_capture_that_counts(tmp_path: Path) -> None:
    first = name(capture(tmp_path / "one.pcap", 1))
    assert name(capture(tmp_path / "copy.pcap", 1)) == first
    assert name(capture(tmp_path / "other.pcap", 2)) != first
    assert name(capture(tmp_path / "one.pcap", 3)) != first


def test_it_is_the_figures_of_a_cost_profile_that_count(tmp_path: Path) -> None:
    text = (ROOT / "emulator/costs/modern.toml").read_text()
    mine = tmp_path / "mine.toml"
    mine.write_text(f"# mine\n{text}")
    scenario = dataclasses.replace(GENERATED, costs=str(mine))
    assert name(scenario) == name(GENERATED)
    mine.write_text(text.replace("ns = ", "ns = 1", 1))
    assert name(scenario) != name(GENERATED)


@pytest.mark.parametrize("change", [{"mode": "irq"}, {"seed": 2}, {"generate": (61,)}, {"rate": 10**8}, {"pps": 9}])
def test_every_setting_counts(change: dict[str, object]) -> None:
    assert name(dataclasses.replace(GENERATED, **change)) != name(GENERATED)  # type: ignore[arg-type]


def test_the_sources_count() -> None:
    contents = contents_of(GENERATED)
    assert len({run_name(GENERATED, each) for each in (contents, Contents("x", contents.capture, contents.costs))}) == 2


def test_a_capture_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.pcap: No such file or directory"):
        contents_of(Scenario(capture=str(tmp_path / "gone.pcap")))
