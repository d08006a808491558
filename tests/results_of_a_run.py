"""Made-up results for tests of what is done with results."""

from __future__ import annotations

from emulator.results import (
    CpuTime,
    FrameCounts,
    Interrupts,
    Latency,
    NapiCounts,
    RuleResults,
    RunResults,
    RunTime,
    SoftnetCounts,
)

RESULTS = RunResults(
    frames=FrameCounts(offered=1000, delivered=700, nic_missed=200, nic_error=60, nic_filtered=30, backlog=10),
    interrupts=Interrupts(rx=7, total=8),
    napi=NapiCounts(polls=12, completed=7, exhausted=5, packets=700),
    cpus=(CpuTime(hardirq=1_000, softirq=700_000, ksoftirqd=90_000, user=9_000, idle=200_000),),
    softnet=(SoftnetCounts(processed=700, dropped=10, time_squeeze=3, received_rps=0, flow_limit_count=0),),
    latency=Latency(min=1_500, p50=22_000, p99=33_000_000, max=44_000_000),
    rules=RuleResults(checked=54, broken=()),
    time=RunTime(simulated_ns=1_000_000, cycles=125_000, wall_s=2.5),
)
