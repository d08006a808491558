"""Sweep files: which runs they mean, and the line of what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.errors import UserError
from emulator.scenario import BUNDLED_CAPTURE, Scenario
from emulator.sweep.sweep_file import SETTINGS, read_sweep
from tests.capture_files import Stamped, pcap
from tests.sweep.support import sweep_file

FIXED = '[scenario]\ngenerate = [60]\ncount = 20\nengine = "model"\n'


def test_the_cross_product_in_the_order_of_the_file(tmp_path: Path) -> None:
    sweep = read_sweep(sweep_file(tmp_path, FIXED + '[axes]\nmode = ["napi", "irq"]\nbudget = [64, 16, 32]\n'))
    assert sweep.axes == ("mode", "budget")
    varied = [(scenario.mode, scenario.budget) for scenario in sweep.scenarios]
    assert varied == [("napi", 64), ("napi", 16), ("napi", 32), ("irq", 64), ("irq", 16), ("irq", 32)]
    rest = {"generate": (60,), "count": 20, "engine": "model", "waves": False, "trace": False, "frames": False}
    assert sweep.scenarios[4] == Scenario(mode="irq", budget=16, **rest)  # type: ignore[arg-type]


def test_values_as_on_the_command_line(tmp_path: Path) -> None:
    text = 'scenario = { count = 5 }\naxes = { generate = [[60, 61], "60,1514"], rate = ["2.5G", 100_000_000] }\n'
    varied = [(run.generate, run.rate) for run in read_sweep(sweep_file(tmp_path, text)).scenarios]
    assert varied == [((60, 61), 25 * 10**8), ((60, 61), 10**8), ((60, 1514), 25 * 10**8), ((60, 1514), 10**8)]


def test_the_bundled_capture_is_the_default(tmp_path: Path) -> None:
    sweep = read_sweep(sweep_file(tmp_path, "[axes]\nnics = [1, 2]\n"))
    assert [run.capture for run in sweep.scenarios] == [str(BUNDLED_CAPTURE)] * 2


def test_paths_count_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "sweeps"
    folder.mkdir()
    (folder / "mine.pcap").write_bytes(pcap([Stamped(bytes(60))]).content)
    (folder / "costs.toml").write_text((BUNDLED_CAPTURE.parents[1] / "emulator/costs/modern.toml").read_text())
    sweep_file(folder, '[axes]\ncapture = ["mine.pcap"]\ncosts = ["modern", "costs.toml"]\n')
    monkeypatch.chdir(tmp_path)
    runs = read_sweep(Path("sweeps/small.toml")).scenarios
    assert {run.capture for run in runs} == {str(folder / "mine.pcap")}
    assert [run.costs for run in runs] == ["modern", str(folder / "costs.toml")]


def test_the_example_of_the_guide(tmp_path: Path) -> None:
    guide = (BUNDLED_CAPTURE.parents[1] / "docs/sweeps.md").read_text()
    sweep = read_sweep(sweep_file(tmp_path, guide.split("```toml\n")[1].split("```")[0]))
    assert sweep.axes == ("mode", "pps")
    assert len(sweep.scenarios) == 12
    assert all(f"`{name}`" in guide for name in SETTINGS)


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_sweep(path)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{path}")


AXIS = "[axes]\nseed = [1]\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", ":1: no axes; write [axes]"),
        (FIXED, ":4: no axes; write [axes]"),
        (FIXED + "[axes]\n", ":5: no axes; write [axes]"),
        ("[axes\n", ":1: not TOML: "),
        (AXIS + "nics = [1,\n", ":3: not TOML: "),
        (AXIS + "seed = [2]\n", ":3: not TOML: "),
        (AXIS + "[axis]\n", ":3: unknown key 'axis'; allowed: tables [scenario] and [axes]"),
        ("axes = 3\n", ":1: axes: must be a table; write [axes]"),
        ("[[axes]]\nseed = [1]\n", ":1: axes: must be a table"),
        (FIXED + "bugdet = 3\n" + AXIS, f":5: unknown key 'bugdet'; allowed: {', '.join(SETTINGS)}"),
        (FIXED + AXIS + "\nbugdet = [3]\n", ":8: unknown key 'bugdet'; allowed: capture, generate, "),
        (FIXED + AXIS + "\nwaves = [true]\n", ":8: waves: a sweep keeps no waves; use napi-hil run --waves"),
        (FIXED + AXIS + "count = [1, 2]\n", ":7: count: stands in [scenario] too; remove one of them"),
        (FIXED + AXIS + "mode = []\n", ":7: mode: the list is empty; give at least one value"),
        (FIXED + AXIS + 'mode = "irq"\n', ":7: mode: an axis is a list; write mode = [VALUE, VALUE]"),
        (FIXED + AXIS + "mode = [\n'irq',\n'irq',]\n", ':7: mode: "irq" stands twice in the list'),
        (AXIS + 'rate = ["1G", 1000000000]\n', ":3: rate: 1000000000 stands twice in the list"),
        (AXIS + "mode = [1]\n", ":3: mode: 1: must be a text in quotes"),
        (AXIS + 'nics = ["2"]\n', ':3: nics: "2": must be a whole number'),
        (AXIS + "nics = [true]\n", ":3: nics: true: must be a whole number"),
        (AXIS + "nics = [1.0]\n", ":3: nics: 1.0: must be a whole number"),
        (AXIS + "nics = [2002-02-02]\n", ':3: nics: "2002-02-02": must be a whole number'),
        (AXIS + "generate = [60]\n", ":3: generate: 60: must be a list of frame sizes such as [60, 1514]"),
        (AXIS + "generate = [[60, 6.5]]\n", ":3: generate: [60, 6.5]: must be a list of frame sizes"),
        (AXIS + 'set = ["CONFIG_HZ=250"]\n', ':3: set: "CONFIG_HZ=250": must be a list such as ["net.core.netdev_'),
        (AXIS + "set = [[250]]\n", ":3: set: [250]: must be a list such as"),
        (AXIS + 'set = [["CONFIG_HZ=3"]]\n', ":3: set CONFIG_HZ=3: unknown; allowed: 100, 250, 300, 1000"),
        (AXIS + 'generate = ["60;61"]\n', ":3: generate 60;61: not a list of frame sizes"),
        (AXIS + 'rate = ["fast"]\n', ":3: rate fast: not a rate; write bits per second such as 10M"),
        (AXIS + 'rate = ["9G"]\n', ":3: rate: 9000000000 bit/s is out of range; allowed are 10M to 8G"),
        (AXIS + 'mode = ["napi", "poll"]\n', ":3: mode poll: unknown; allowed: napi, irq"),
        (AXIS + 'engine = ["nothing"]\n', ":3: engine nothing: unknown; allowed: "),
        (FIXED + AXIS + "ring = [8, 12]\n", ":7: ring 12: the NIC takes multiples of 8"),
        ("[scenario]\nring = 12\n" + AXIS, ":2: ring 12: the NIC takes multiples of 8"),
        ("[scenario]\n\ncount = 3\n" + AXIS, ":3: count goes with generate"),
        ('[scenario]\ngenerate = [60]\ncapture = "x"\n' + AXIS, ":2: give either a capture or generate"),
        (FIXED + AXIS + "pps = [5, 2_000_000]\n", ":7: pps 2000000: the line carries at most 1488095 frames"),
        (AXIS + 'costs = ["cheap"]\n', ":3: costs cheap: unknown profile; allowed: modern"),
    ],
)
def test_what_is_wrong_and_where(tmp_path: Path, text: str, complaint: str) -> None:
    assert refusal(sweep_file(tmp_path, text)).startswith(complaint)


def test_files_that_are_missing(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere.toml") == ": No such file or directory"
    assert refusal(tmp_path) == ": Is a directory"
    gone = tmp_path / "gone"
    assert refusal(sweep_file(tmp_path, AXIS + 'costs = ["gone.toml"]')) == (
        f":3: cost profile {gone}.toml: No such file or directory"
    )
    assert refusal(sweep_file(tmp_path, AXIS + '\ncapture = ["gone"]')) == f":4: {gone}: No such file or directory"


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(b"[axes]\nmode = ['\xff']\n")
    assert refusal(path) == ": not TOML: byte 16 is not UTF-8"
