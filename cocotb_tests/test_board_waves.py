"""The waveform: the save file names what is in the dump, words cover what happens, probes show what they were told."""

import random
import re
from pathlib import Path

import cocotb
import pytest
import pywellen
from cocotb.triggers import Timer

from cocotb_tests.board_tester import costs
from cocotb_tests.support import SIM, build_folder
from emulator.engines.board import build_board
from emulator.engines.cocotb_engine import CocotbEngine
from emulator.engines.launch import simulate
from emulator.execute import execute
from emulator.output import SAVE_FILE, WAVES
from emulator.probes import CPU_PROBES, NIC_PROBES
from emulator.progress import no_progress
from emulator.scenario import Scenario
from emulator.wave_words import word_tables

CPUS, NICS = 2, 3


@pytest.mark.slow
def test_probes():
    log = build_folder("test_board_waves") / "test.log"
    waves = log.with_name("probes.fst")
    simulate(build_board(SIM, cpus=CPUS, nics=NICS, waves=True), __name__, log=log, waves=waves)
    assert waves.exists()


@pytest.mark.slow
@pytest.mark.parametrize("engine", [SIM, "native"])
def test_the_save_file_shows_what_is_in_the_dump(tmp_path, engine):
    nics = 1 if engine == "native" else 2  # a library that other tests need too
    execute(Scenario(engine=engine, generate=(60, 1514), count=6, nics=nics, pps=20_000), tmp_path, no_progress)
    dump = {variable.full_name: variable for variable in pywellen.Waveform(str(tmp_path / WAVES)).all_vars()}
    shown = list(signals(tmp_path / SAVE_FILE))
    assert len(shown) > 30 * nics
    tables = word_tables()
    for name, bits, words in shown:
        assert name in dump, f"{name} is not in the dump"
        assert dump[name].bitwidth == bits, name
        if words:
            values = {value for _, value in dump[name].tv}
            digits = -(-bits // 4)
            missing = {value for value in values if f"{value:0{digits}X}" not in tables[words]}
            assert not missing, f"no words in {words} for {missing} of {name}"


@pytest.mark.slow
def test_the_save_file_looks_at_the_first_interrupt(tmp_path):
    execute(Scenario(engine=SIM, generate=(60,), count=3), tmp_path, no_progress)
    (marker,) = re.findall(r"^\*\S+ (\d+)", (tmp_path / SAVE_FILE).read_text(), re.MULTILINE)
    dump = {variable.full_name: variable for variable in pywellen.Waveform(str(tmp_path / WAVES)).all_vars()}
    sent = dump["board.core.slot[0].sent_words"].tv
    rises = [time for time, level in dump["board.core.slot[0].irq_at_cpu"].tv if level == 1]
    first_frame = next(time for time, words in sent if words > 0)
    assert int(marker) == next(time for time in rises if time > first_frame) + 500


def signals(save_file):
    """(name, bits, table of words or None) of each signal in a save file."""
    words = None
    for line in save_file.read_text().splitlines():
        if line.startswith("@"):
            words = None
        elif line.startswith("^1 "):
            words = Path(line).stem
        elif match := re.fullmatch(r"\+\{.*?\} (\S+?)(?:\[(\d+):0\])?", line):
            yield match[1], int(match[2] or 0) + 1, words


@cocotb.test
async def every_probe_shows_its_value(dut):
    engine = CocotbEngine(dut, costs())
    await engine.advance(engine.now + 1)
    shown = {}
    for scope, count, probes in (("cpu", CPUS, CPU_PROBES), ("nic", NICS, NIC_PROBES)):
        for number in range(count):
            for name, (_, width) in probes.items():
                value = random.getrandbits(width)
                engine.set_probe(f"{scope}{number}.{name}", value)
                shown[scope, number, name] = value
    await engine.advance(engine.now + 1)
    await Timer(1, unit="ns")
    for (scope, number, name), value in shown.items():
        nets = dut.core.probes[scope][number]
        if name == "napi_state":
            check_state(nets, value)
        else:
            assert nets[name].value == value, (scope, number, name)


def check_state(nets, value):
    states = (
        "sched missed disable npsvc listed no_busy_poll in_busy_poll prefer_busy_poll "
        "threaded sched_threaded has_notifier threaded_busy_poll"
    )
    for bit, state in enumerate(states.split()):
        assert nets[f"napi_{state}"].value == value >> bit & 1, state


@cocotb.test
async def a_probe_that_does_not_fit_sticks_at_the_highest_value(dut):
    engine = CocotbEngine(dut, costs())
    engine.set_probe("cpu0.poll_list", 99)
    await engine.advance(engine.now + 1)
    await Timer(1, unit="ns")
    assert dut.core.probes.cpu[0].poll_list.value == 15
