"""What `make bench` measures: the engines on the same traffic, each with Python and without, and how runs scale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from emulator.bench.bare_icarus import BareIcarus
from emulator.bench.bare_native import BareNative
from emulator.bench.measure import Measurement, in_child, run_in_child
from emulator.rule_checks import UNCHECKED
from emulator.scenario import BUNDLED_CAPTURE, ENGINES, Scenario

RTL_ENGINES = ("icarus", "verilator", "native")

#: Cost profiles: the default, and the one with 2.8 us of work for each packet.
PROFILES = ("modern", "router2002")

#: Frames of an overload run, so that it takes a second or more.
_OVERLOAD_FRAMES = {"icarus": 3_000, "verilator": 10_000, "native": 50_000, "model": 50_000}

#: How often a run replays the bundled capture.
_REPEAT = {"icarus": 1, "verilator": 4, "native": 40}

_IDLE_NS = 20_000_000

PACKETS = (10_000, 100_000, 1_000_000)
NICS = (1, 2, 4, 8)
_FRAMES_OF_ALL_NICS = 40_000


#: No files, and no rules for drivers.
_PLAIN: dict[str, Any] = {"waves": False, "trace": False, "frames": False, "rule": (UNCHECKED,)}


def capture_run(engine: str, scale: float) -> Scenario:
    """The bundled capture at 1 Gb/s, back to back."""
    repeat = max(1, round(_REPEAT[engine] * scale))
    return Scenario(capture=str(BUNDLED_CAPTURE), repeat=repeat, engine=engine, **_PLAIN)


def overload_run(engine: str, costs: str, count: int, **options: Any) -> Scenario:  # noqa: ANN401
    """Frames of 60 bytes back to back at 1 Gb/s: 1.488 million in a second."""
    return Scenario(generate=(60,), count=count, engine=engine, costs=costs, **{**_PLAIN, **options})


def engine_measurements(folder: Path, scale: float) -> list[Measurement]:
    """Speed and memory of the engines; ``scale`` makes the runs shorter or longer.

    What a ratio is of stands side by side, so that a machine which gets slower meanwhile slows both.
    """
    bare_icarus = BareIcarus(capture_run("icarus", scale), folder / "bare-icarus")
    bare_native = BareNative(capture_run("native", scale), folder / "bare-native")
    count = {engine: max(100, round(frames * scale)) for engine, frames in _OVERLOAD_FRAMES.items()}
    bare_overload = BareNative(overload_run("native", "modern", count["native"]), folder / "bare-native-overload")
    idle_ns = round(_IDLE_NS * scale)
    bare: dict[str, Callable[[], dict[str, float]]] = {
        "icarus": _cycles(bare_icarus.run),
        "verilator": lambda: in_child("empty", "verilator"),
        "native": _cycles(bare_native.run),
    }
    measurements = [
        Measurement("idle native bare", _cycles(lambda: bare_native.idle(idle_ns))),
        Measurement("idle native", lambda: in_child("idle", str(idle_ns))),
    ]
    for engine in RTL_ENGINES:
        measurements.append(Measurement(f"capture {engine} bare", bare[engine]))
        measurements.append(_run(f"capture {engine}", capture_run(engine, scale)))
    for costs in PROFILES:
        for engine in ENGINES:
            if (engine, costs) == ("native", "modern"):
                measurements.append(Measurement("overload native bare", _cycles(bare_overload.run)))
            measurements.append(_run(f"overload {engine} {costs}", overload_run(engine, costs, count[engine])))
        measurements.append(_run(f"checked model {costs}", overload_run("model", costs, count["model"], rule=())))
    return measurements


def build_measurements() -> list[Measurement]:
    """The engines built with an empty cache."""
    return [_build(engine) for engine in RTL_ENGINES]


def scaling_measurements(scale: float) -> list[Measurement]:
    """The engine native over the length of a run, and over the number of NICs."""
    lengths = [round(count * scale) for count in PACKETS]
    by_length = [_run(f"length {count}", overload_run("native", "modern", count)) for count in lengths]
    frames = round(_FRAMES_OF_ALL_NICS * scale)
    by_nics = [_run(f"nics {nics}", overload_run("native", "modern", frames // nics, nics=nics)) for nics in NICS]
    return by_length + by_nics


def _cycles(measure: Callable[[], float]) -> Callable[[], dict[str, float]]:
    return lambda: {"cycles_per_s": measure()}


def _run(name: str, scenario: Scenario) -> Measurement:
    return Measurement(name, lambda: run_in_child(scenario))


def _build(engine: str) -> Measurement:
    return Measurement(f"build {engine}", lambda: in_child("build", engine))
