"""Whole runs on RTL: what `napi-hil run` promises, seen on the engine icarus and compared with the model."""

import json
import os
import random

import pytest
from scapy.utils import PcapWriter, rdpcap

from cocotb_tests.support import SIM
from emulator.execute import execute
from emulator.output import DELIVERED, SUMMARY, TRACE
from emulator.progress import no_progress
from emulator.scenario import BUNDLED_CAPTURE, Scenario


@pytest.fixture
def run(tmp_path):
    """Runs a scenario; returns the directory with its files, and its summary."""

    def run_scenario(name="run", **options):
        directory = tmp_path / name
        directory.mkdir()
        execute(Scenario(**{"engine": SIM, "waves": False, "trace": False} | options), directory, no_progress)
        return directory, json.loads((directory / SUMMARY).read_text())

    return run_scenario


def frames_in(capture):
    """The frames of a capture file, as bytes."""
    return [bytes(frame) for frame in rdpcap(str(capture))]


def dropped(summary):
    return sum(summary["frames"]["dropped"].values())


@pytest.fixture
def random_capture(tmp_path):
    """A capture of frames of every kind of length with random content; the seed is printed and can be given."""
    seed = int(os.environ.get("COCOTB_RANDOM_SEED", random.SystemRandom().randrange(2**32)))
    print(f"COCOTB_RANDOM_SEED={seed}")
    source = random.Random(seed)
    sizes = [60, 61, 63, 64, 65, 127, 128, 129, 1513, 1514, *(source.randint(60, 1514) for _ in range(30))]
    source.shuffle(sizes)
    path = tmp_path / "random.pcap"
    with PcapWriter(str(path), linktype=1) as writer:
        for size in sizes:
            writer.write(source.randbytes(size))
    return path


def test_the_bundled_capture_arrives_byte_for_byte_and_in_order(run):
    directory, summary = run(capture=str(BUNDLED_CAPTURE))
    assert frames_in(directory / DELIVERED) == frames_in(BUNDLED_CAPTURE)
    assert summary["frames"]["offered"] == summary["frames"]["delivered"] == len(frames_in(BUNDLED_CAPTURE))


@pytest.mark.slow
def test_random_frames_of_all_lengths_arrive_at_100m(run, random_capture):
    directory, summary = run(capture=str(random_capture), rate=100_000_000)
    assert frames_in(directory / DELIVERED) == frames_in(random_capture)
    assert dropped(summary) == 0


def test_rtl_and_model_deliver_the_same_frames(run, random_capture):
    rtl, _ = run("rtl", capture=str(random_capture))
    model, _ = run("model", capture=str(random_capture), engine="model")
    assert frames_in(rtl / DELIVERED) == frames_in(model / DELIVERED)


@pytest.mark.slow
def test_overload_is_lost_in_the_nic_and_interrupts_almost_vanish(run):
    _, summary = run(generate=(60,), count=9000, costs="router2002", frames=False)
    frames, interrupts, napi = summary["frames"], summary["interrupts"], summary["napi"]
    assert frames["offered"] == frames["delivered"] + dropped(summary)
    assert frames["dropped"]["nic_missed"] == dropped(summary) > 0
    assert interrupts["rx"] * 1000 <= frames["delivered"]
    assert napi["packets_per_poll"] >= 0.9 * 64


@pytest.mark.slow
def test_without_napi_overload_is_a_livelock(run):
    count = 12_000  # so many that the packets in the backlog at the end do not weigh much
    _, napi = run("napi", generate=(60,), count=count, costs="router2002", frames=False, engine="model")
    _, irq = run("irq", generate=(60,), count=count, costs="router2002", frames=False, mode="irq")
    assert irq["frames"]["offered"] == irq["frames"]["delivered"] + dropped(irq)
    assert irq["frames"]["delivered"] < napi["frames"]["delivered"] / 2
    assert irq["frames"]["dropped"]["backlog"] > 0  # work was spent on these


def test_a_trickle_takes_one_interrupt_for_each_packet(run):
    _, summary = run(generate=(60,), count=40, pps=10_000, frames=False)
    assert summary["frames"]["delivered"] == 40
    assert 0.95 <= summary["interrupts"]["rx"] / 40 <= 1.05


@pytest.mark.slow
def test_several_nics_share_the_cpu_round_robin(run):
    directory, summary = run(generate=(60,), count=900, costs="router2002", nics=3, trace=True)
    assert summary["frames"]["offered"] == 2700 == summary["frames"]["delivered"] + dropped(summary)
    lines = (directory / TRACE).read_text().splitlines()
    polled = [line.split("device ")[1].split()[0] for line in lines if "napi_poll" in line]
    saturated = polled[3:18]
    assert saturated == (saturated[:3] * 5)
    assert sorted(saturated[:3]) == ["eth0", "eth1", "eth2"]


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"mode": "irq"}])
def test_equal_options_give_equal_runs_with_waves_or_without(run, options):
    scenario = {"generate": (60, 1514), "count": 60, "trace": True, **options}
    first, first_summary = run("first", **scenario)
    second, second_summary = run("second", waves=True, **scenario)
    assert (first / TRACE).read_bytes() == (second / TRACE).read_bytes()
    for summary in (first_summary, second_summary):
        del summary["time"]["wall_s"], summary["scenario"]["waves"]
    assert first_summary == second_summary
