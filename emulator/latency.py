"""Exact ranks of latencies."""

from __future__ import annotations

import itertools
from collections import Counter

from emulator.results import Latency


def exact_latency(latencies: Counter[int]) -> Latency | None:
    """Least and greatest latency and percentiles by nearest rank, of how often each occurred; None if none did."""
    count = latencies.total()
    if not count:
        return None
    values = sorted(latencies)
    ranks = list(itertools.accumulate(latencies[value] for value in values))

    def percentile(percent: int) -> int:
        rank = -(-count * percent // 100)
        return next(value for value, reached in zip(values, ranks, strict=True) if reached >= rank)

    return Latency(min=values[0], p50=percentile(50), p99=percentile(99), max=values[-1])
