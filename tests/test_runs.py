"""Whole runs of the command line on the model engine: what is offered arrives, and NAPI does what it is for."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from scapy.utils import RawPcapNgReader

from emulator import cli
from emulator.output import DELIVERED, FILES, PROC, SAVE_FILE, SENT, SUMMARY, TRACE, WAVES
from emulator.scenario import BUNDLED_CAPTURE
from tests.capture_files import Stamped, pcapng

SEED = 2002


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)


def run(options: str, out: str = "out") -> dict[str, Any]:
    """The summary of a run that must succeed."""
    assert cli.main(["run", "--engine", "model", "--out", out, *options.split()]) == 0
    summary: dict[str, Any] = json.loads(Path(out, SUMMARY).read_text())
    frames = summary["frames"]
    assert frames["offered"] == frames["delivered"] + sum(frames["dropped"].values())
    return summary


def frames_of(path: Path) -> list[bytes]:
    with RawPcapNgReader(str(path)) as reader:
        return [data for data, _ in reader]


def test_the_bundled_capture_arrives() -> None:
    summary = run("")
    assert summary["frames"]["delivered"] == 701
    assert frames_of(Path("out", DELIVERED)) == frames_of(BUNDLED_CAPTURE)
    assert sorted(path.name for path in Path("out").iterdir()) == sorted(set(FILES) - {WAVES, SAVE_FILE, SENT})


def test_random_frames_of_all_sizes_arrive_at_100m() -> None:
    rng = random.Random(SEED)
    sizes = [60, 61, 1513, 1514, *(rng.randint(60, 1514) for _ in range(200))]
    sent = [rng.randbytes(size) for size in sizes]
    Path("mine.pcapng").write_bytes(pcapng([Stamped(data) for data in sent]).content)
    run("mine.pcapng --rate 100M")
    assert frames_of(Path("out", DELIVERED)) == sent


@pytest.mark.parametrize("options", ["", "--queues 2 --cpus 2", "--mode irq", "--nics 3"])
def test_an_echo_sends_every_frame_back(options: str) -> None:
    app = run(f"--generate 60,1514 --count 60 --flows 5 --pps 10000 --app echo {options}")["app"]
    frames = frames_of(Path("out", DELIVERED))
    assert app["received"] == app["answered"] == len(frames)
    assert app["socket_full"] == 0
    assert 0 < app["round_trip_ns"]["min"] <= app["round_trip_ns"]["p50"] <= app["round_trip_ns"]["max"]
    answers = frames_of(Path("out", SENT))
    assert sorted(answer[42:] for answer in answers) == sorted(frame[42:] for frame in frames)
    swapped = {(frame[30:34], frame[26:30], frame[36:38], frame[34:36]) for frame in frames}
    assert {(answer[26:30], answer[30:34], answer[34:36], answer[36:38]) for answer in answers} == swapped


@pytest.mark.parametrize("pps", [150_000, 200_000, 300_000])
def test_completions_interrupt_while_reception_unmasks_itself(pps: int) -> None:
    """Its mask and the device's agree all the same: the rules find no interrupt that nobody claims."""
    summary = run(f"--generate 60 --count 3000 --pps {pps} --costs router2002 --app echo --no-trace --no-frames")
    assert summary["app"]["answered"] == summary["app"]["received"] > 0


def test_what_a_sink_cannot_take_is_counted_at_its_socket() -> None:
    summary = run("--generate 60 --count 3000 --app sink")
    app, frames = summary["app"], summary["frames"]
    assert app["socket_full"] > 0
    assert app["received"] + app["socket_full"] == frames["delivered"]
    assert app["answered"] == 0
    assert not Path("out", SENT).exists()


def test_short_frames_arrive_padded(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.pcapng").write_bytes(pcapng([Stamped(bytes([1]) * 42), Stamped(bytes([2]) * 60)]).content)
    run("mine.pcapng")
    assert frames_of(Path("out", DELIVERED)) == [bytes([1]) * 42 + bytes(18), bytes([2]) * 60]
    assert "1 of them were shorter than 60 bytes" in capsys.readouterr().out


def test_equal_options_give_equal_files() -> None:
    options = "--generate 60,300,1514 --count 400 --costs router2002 --nics 2 --seed 5"
    first, second = run(options, "first"), run(options, "second")
    first["time"].pop("wall_s")
    second["time"].pop("wall_s")
    assert first == second
    for name in (TRACE, DELIVERED):
        assert Path("first", name).read_bytes() == Path("second", name).read_bytes()


@pytest.mark.parametrize("mode", ["napi", "irq"])
@pytest.mark.parametrize("pace", ["--rate 10M", "--rate 1G", "--rate 8G", "--pps 1000", "--pps 200000"])
@pytest.mark.parametrize("costs", ["modern", "router2002"])
def test_every_frame_is_accounted_for(mode: str, pace: str, costs: str) -> None:
    summary = run(f"--generate 60,64,590 --count 300 --nics 2 --no-trace --mode {mode} {pace} --costs {costs}")
    assert summary["frames"]["offered"] == 600


def test_overload_with_napi() -> None:
    summary = run("--generate 60 --count 3000 --costs router2002 --no-trace")
    frames, dropped = summary["frames"], summary["frames"]["dropped"]
    assert summary["interrupts"]["rx"] <= frames["delivered"] / 1000
    assert summary["napi"]["packets_per_poll"] >= 0.9 * summary["scenario"]["budget"]
    assert dropped["nic_missed"] > 0
    assert dropped["nic_missed"] == sum(dropped.values())


def test_overload_with_an_interrupt_per_packet() -> None:
    """All time goes into interrupts; what is delivered after the last frame was sent comes from the queues."""
    options = "--generate 60 --count 12000 --costs router2002 --no-trace --no-frames"
    napi, irq = run(options), run(f"{options} --mode irq")
    assert irq["frames"]["delivered"] < napi["frames"]["delivered"] / 2
    assert irq["frames"]["dropped"]["backlog"] > 0
    assert irq["interrupts"]["rx"] > irq["frames"]["delivered"]


def test_an_interrupt_per_packet_at_a_low_rate() -> None:
    summary = run("--generate 60 --count 300 --pps 10000")
    assert summary["frames"]["delivered"] == 300
    assert summary["interrupts"]["rx"] >= 0.95 * 300


def test_a_file_less_where_it_is_not_wanted() -> None:
    run("--generate 60 --count 5")
    run("--generate 60 --count 5 --no-trace --no-frames")
    assert sorted(path.name for path in Path("out").iterdir()) == [PROC, SUMMARY]
