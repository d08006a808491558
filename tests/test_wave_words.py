"""The words of the waveform, and the files they stand in."""

from pathlib import Path

from driver.kernel.softirq import Vector
from emulator.probes import CpuRuns
from emulator.wave_words import word_tables, write_words
from hdl.nic.regmap import ICR, RAL, REGISTERS


def test_every_value_of_an_enumeration_has_a_word() -> None:
    tables = word_tables()
    assert len(tables["cpu"]) == len(CpuRuns)
    assert tables["cpu"]["0"] == "IDLE"
    assert tables["verdict"] == {"0": "KEPT", "1": "MISSED", "2": "ERROR", "3": "FILTERED", "4": "DISABLED"}


def test_every_register_has_its_name() -> None:
    registers = word_tables()["register"]
    assert registers[f"{ICR.offset:05X}"] == "ICR"
    assert registers[f"{RAL.at(3):05X}"] == "RAL3"
    assert len(registers) == sum(register.count for register in REGISTERS)


def test_bits_have_a_word_for_each_combination() -> None:
    tables = word_tables()
    assert tables["cause"]["00000000"] == "-"
    assert tables["cause"][f"{ICR.LSC | ICR.RXT0:08X}"] == "LSC RXT0"
    assert len(tables["cause"]) == 2 ** len(ICR.fields)
    assert tables["softirq"][f"{1 << Vector.NET_RX | 1 << Vector.TIMER:03X}"] == "TIMER NET_RX"


def test_files_are_written_once_for_what_they_hold(tmp_path: Path) -> None:
    files = write_words(tmp_path)
    assert write_words(tmp_path) == files
    assert len(list(tmp_path.iterdir())) == 1
    for name, table in word_tables().items():
        lines = files[name].read_text().splitlines()
        assert [tuple(line.split(" ", 1)) for line in lines] == list(table.items())
