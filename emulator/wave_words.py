"""The words that GTKWave shows instead of numbers: translate files, derived from the declarations of RTL and kernel."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from driver.kernel.softirq import Vector
from emulator.engines.base import Verdict
from emulator.probes import CpuRuns
from hdl.nic.regmap import ICR, REGISTERS

#: Backgrounds, in GTKWave's way of writing them in front of a word.
_COLOURS = {
    CpuRuns.TASK: "?DimGray?",
    CpuRuns.KSOFTIRQD: "?DarkOliveGreen?",
    CpuRuns.SOFTIRQ: "?DarkGreen?",
    CpuRuns.HARDIRQ: "?DarkRed?",
    CpuRuns.MMIO_STALL: "?DarkOrange4?",
}


def word_tables() -> dict[str, dict[str, str]]:
    """The tables by name: hexadecimal number, as GTKWave writes it, to word."""
    registers = {
        register.at(index): _name(register.__name__, register.count, index)
        for register in REGISTERS
        for index in range(register.count)
    }
    return {
        "cpu": {f"{runs:X}": _COLOURS.get(runs, "") + runs.name.replace("_", " ") for runs in CpuRuns},
        "verdict": {f"{verdict.value:X}": verdict.name for verdict in Verdict},
        "register": {f"{offset:05X}": name for offset, name in registers.items()},
        "cause": _bit_words({field.lsb: name for name, field in ICR.fields.items()}, digits=8),
        "softirq": _bit_words({vector.value: vector.name for vector in Vector}, digits=3),
    }


def write_words(folder: Path) -> dict[str, Path]:
    """The tables as files; they get a folder below the given one, named by what they hold, if it is not there."""
    texts = {
        name: "".join(f"{number} {word}\n" for number, word in table.items()) for name, table in word_tables().items()
    }
    digest = hashlib.sha256(repr(texts).encode()).hexdigest()[:16]
    place = folder / f"words-{digest}"
    place.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, text in texts.items():
        files[name] = place / f"{name}.txt"
        if not files[name].exists():
            files[name].write_text(text, encoding="utf-8")
    return files


def _name(register: str, count: int, index: int) -> str:
    return register if count == 1 else f"{register}{index}"


def _bit_words(bits: Mapping[int, str], digits: int) -> dict[str, str]:
    """A word for each combination of named bits."""
    words = {0: "-"}
    for bit, name in sorted(bits.items()):
        words |= {number | 1 << bit: name if number == 0 else f"{word} {name}" for number, word in words.items()}
    return {f"{number:0{digits}X}": word for number, word in sorted(words.items())}
