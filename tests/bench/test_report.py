"""Tables of the bench from made-up figures."""

from __future__ import annotations

from emulator.bench.measure import Measurement
from emulator.bench.report import rules_table


def measured(name: str, *packets_per_s: float) -> Measurement:
    rounds = [{"packets_per_s": value} for value in packets_per_s]
    return Measurement(name, measure=dict, rounds=rounds)


def test_what_rules_cost() -> None:
    measurements = [
        measured("overload model modern", 45_000, 50_000, 48_000),
        measured("checked model modern", 30_000, 50_000, 40_000),  # the machine was slow in the first round
        measured("overload model router2002", 30_000),
        measured("checked model router2002", 20_000),
    ]
    assert list(rules_table({measurement.name: measurement for measurement in measurements}))[2:] == [
        "| modern | 48,000 | 40,000 | 1.20x |",
        "| router2002 | 30,000 | 20,000 | 1.50x |",
    ]
