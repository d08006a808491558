"""The tables of `make bench`, in Markdown, and the machine that they hold for."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from emulator.bench.measure import Measurement
from emulator.bench.suite import NICS, PROFILES, RTL_ENGINES
from emulator.engines.cxx import find_compiler
from emulator.engines.verilator import find_verilator
from emulator.scenario import ENGINES

Measurements = Mapping[str, Measurement]


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    icarus = subprocess.run(["iverilog", "-V"], check=False, capture_output=True, text=True).stdout
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "Python": platform.python_version(),
        "Icarus": icarus.partition("\n")[0],
        "Verilator": find_verilator().version,
        "compiler": find_compiler()[1],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def engine_table(measurements: Measurements) -> Iterator[str]:
    """A line per engine."""
    packets = " | ".join(f"packets/s, {costs}" for costs in PROFILES)
    yield f"| engine | cycles/s, capture | without Python | ratio | {packets} | memory |"
    yield "|---|---|---|---|---|---|---|"
    for engine in ENGINES:
        yield f"| `{engine}` | {' | '.join(_engine_cells(measurements, engine))} |"


def _engine_cells(measurements: Measurements, engine: str) -> Iterator[str]:
    if engine in RTL_ENGINES:
        yield from _beside_limit(measurements[f"capture {engine}"], measurements[f"capture {engine} bare"])
    else:
        yield from ("-", "-", "-")
    for costs in PROFILES:
        overload, icarus = (measurements[f"overload {name} {costs}"] for name in (engine, "icarus"))
        times = overload.ratio(icarus, "packets_per_s")
        yield f"{overload.median('packets_per_s'):,.0f} ({times:.0f}x icarus)"
    yield f"{measurements[f'overload {engine} modern'].median('memory_mb'):.0f} MB"


def rules_table(measurements: Measurements) -> Iterator[str]:
    """What it costs to check the rules for drivers."""
    yield "| `model`, packets/s | rules ignored | rules checked | slower by |"
    yield "|---|---|---|---|"
    for costs in PROFILES:
        ignored, checked = (measurements[f"{name} model {costs}"] for name in ("overload", "checked"))
        figures = " | ".join(f"{measurement.median('packets_per_s'):,.0f}" for measurement in (ignored, checked))
        yield f"| {costs} | {figures} | {ignored.ratio(checked, 'packets_per_s'):.2f}x |"


def limit_table(measurements: Measurements) -> Iterator[str]:
    """How far the engine native is from the bare C++ loop."""
    pairs = {
        "bundled capture": ("capture native", "capture native bare"),
        "60-byte frames back to back": ("overload native modern", "overload native bare"),
        "idle, every edge evaluated": ("idle native", "idle native bare"),
    }
    yield "| native | cycles/s | bare C++ | ratio |"
    yield "|---|---|---|---|"
    for words, names in pairs.items():
        yield f"| {words} | {' | '.join(_beside_limit(*(measurements[name] for name in names)))} |"


def _beside_limit(attached: Measurement, bare: Measurement) -> Iterator[str]:
    """Cycles per second of an engine and of its limit, and their ratio."""
    yield from (f"{measurement.median('cycles_per_s'):,.0f}" for measurement in (attached, bare))
    yield f"{attached.ratio(bare, 'cycles_per_s'):.2f}"


def build_table(measurements: Measurements) -> Iterator[str]:
    """How long the engines take to build."""
    yield "| engine | build |"
    yield "|---|---|"
    for engine in RTL_ENGINES:
        yield f"| `{engine}` | {measurements[f'build {engine}'].median('seconds'):.0f} s |"


def scaling_tables(measurements: Measurements) -> Iterator[str]:
    """Cost per frame and memory over the length of a run and the number of NICs."""
    yield "| frames | us per frame | memory |"
    yield "|---|---|---|"
    for name, measurement in measurements.items():
        if name.startswith("length"):
            yield f"| {int(name.split()[1]):,} | {_cost(measurement)} |"
    yield ""
    yield "| NICs | us per frame | memory |"
    yield "|---|---|---|"
    for nics in NICS:
        yield f"| {nics} | {_cost(measurements[f'nics {nics}'])} |"


def _cost(measurement: Measurement) -> str:
    return f"{measurement.median('us_per_frame'):.1f} | {measurement.median('memory_mb'):.0f} MB"
