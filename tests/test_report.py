"""summary.json has the promised keys, and the table says it all in words."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

from rich.console import Console

from driver.kernel.rules.catalogue import RULES
from driver.kernel.rules.rule import CodeLine, Violation
from emulator.errors import RunFailed
from emulator.report import as_failed, build_failed_summary, build_summary, format_summary, print_report
from emulator.results import AppCounts, BrokenRule, Latency, NapiCounts, RuleResults
from emulator.scenario import Scenario
from tests.results_of_a_run import RESULTS

SCENARIO = Scenario(capture="some.pcap")

VIOLATION = Violation(
    rule=RULES["napi-orphan"],
    what="poll() returned 3",
    time_ns=5_000,
    context="CPU 0, softirq on top of <idle>",
    where=CodeLine("driver/x.py", 7, "x_poll"),
    printed=None,
)
BROKEN = BrokenRule(name="napi-orphan", level="warn", count=1_200, first=(VIOLATION, replace(VIOLATION, time_ns=6_000)))

SUMMARY: dict[str, Any] = {
    "failed": None,
    "frames": {
        "offered": 1000,
        "delivered": 700,
        "dropped": {"nic_missed": 200, "nic_error": 60, "nic_filtered": 30, "backlog": 10},
    },
    "interrupts": {"rx": 7, "total": 8},
    "napi": {"polls": 12, "completed": 7, "exhausted": 5, "packets_per_poll": 58.333},
    "cpu": [{"hardirq": 1_000, "softirq": 700_000, "ksoftirqd": 90_000, "user": 9_000, "idle": 200_000}],
    "softnet": [{"processed": 700, "dropped": 10, "time_squeeze": 3, "received_rps": 0, "flow_limit_count": 0}],
    "latency_ns": {"min": 1_500, "p50": 22_000, "p99": 33_000_000, "max": 44_000_000},
    "app": None,
    "time": {"simulated_ns": 1_000_000, "cycles": 125_000, "wall_s": 2.5},
    "rules": {"checked": 54, "broken": {}, "violations": []},
    "scenario": {
        "capture": "some.pcap",
        "generate": [],
        "count": None,
        "engine": "icarus",
        "mode": "napi",
        "rate": 1_000_000_000,
        "pps": None,
        "timing": None,
        "repeat": 1,
        "budget": 64,
        "ring": 256,
        "costs": "modern",
        "nics": 1,
        "queues": 1,
        "flows": 1,
        "app": None,
        "cpus": 1,
        "set": [],
        "seed": 1,
        "waves": True,
        "trace": True,
        "frames": True,
        "rule": [],
    },
}

TABLE = """\
Frames
  offered                            1,000  2 of them were shorter than 60 bytes and padded with zeros
  delivered                            700   70.00 %  reached netif_receive_skb, unchanged and in order
  dropped: missed by the NIC           200   20.00 %  no room in its receive FIFO (MPC)
  dropped: bad frames                   60    6.00 %  FCS or length, counted by the NIC
  dropped: filtered                     30    3.00 %  not for this station
  dropped: backlog full                 10    1.00 %  netif_rx found no room in the CPU's queue
Interrupts and NAPI
  receive interrupts                     7  0.01 per delivered frame
  all interrupts                         8
  polls                                 12  calls of the poll function
    completed                            7  ring empty, interrupt unmasked
    budget used up                       5  of 64 packets; polled again
  packets per poll                   58.33
  time_squeeze                           3  softirqs ended by netdev_budget or its time limit
Time of CPU 0
  interrupt handlers                0.10 %  1,000 ns
  softirqs                         70.00 %  700.0 us
  ksoftirqd                         9.00 %  90.0 us
  other threads                     0.90 %  9,000 ns
  idle                             20.00 %  200.0 us
Latency from wire to stack
  shortest                        1,500 ns  from a frame's last byte (FCS) on the wire to netif_receive_skb
  median                           22.0 us
  99 % are within                33.000 ms
  longest                        44.000 ms
Rules for drivers
  checked                               54  none was broken
Simulation
  simulated time                1,000.0 us
  wall time                         2.50 s
  frames per wall second               400
  clock cycles per wall second      50,000  125,000 cycles
"""


def printed(console: Console, padded: int = 2) -> str:
    assert isinstance(console.file, io.StringIO)
    print_report(SUMMARY, padded, console)
    return console.file.getvalue()


def test_summary() -> None:
    summary = build_summary(SCENARIO, RESULTS)
    assert summary == SUMMARY
    assert format_summary(summary) == json.dumps(SUMMARY, indent=2) + "\n"


def test_a_summary_repeats_its_run() -> None:
    assert Scenario.from_dict(json.loads(format_summary(SUMMARY))["scenario"]) == SCENARIO


def test_an_application() -> None:
    round_trip = Latency(min=1_500, p50=22_000, p99=33_000_000, max=44_000_000)
    results = replace(RESULTS, app=AppCounts(received=600, socket_full=100, answered=590, round_trip=round_trip))
    summary = build_summary(replace(SCENARIO, capture=None, generate=(60,), count=1, app="echo"), results)
    assert summary["app"] == {
        "received": 600,
        "socket_full": 100,
        "answered": 590,
        "round_trip_ns": {"min": 1_500, "p50": 22_000, "p99": 33_000_000, "max": 44_000_000},
    }
    text = io.StringIO()
    print_report(summary, 0, Console(file=text))
    assert """\
Application: echo
  received                             600   60.00 %  datagrams
  dropped: socket full                 100   10.00 %  its receive buffer had no room (RcvbufErrors)
  answered                             590   59.00 %  answers on the wire
  shortest                        1,500 ns  round trip: from a frame's first bit to its answer's last byte (FCS)
  median                           22.0 us
""" in text.getvalue()


def test_nothing_delivered() -> None:
    results = replace(RESULTS, latency=None, napi=NapiCounts(polls=0, completed=0, exhausted=0, packets=0))
    summary = build_summary(SCENARIO, results)
    assert summary["latency_ns"] == {"min": None, "p50": None, "p99": None, "max": None}
    assert summary["napi"]["packets_per_poll"] == 0
    text = io.StringIO()
    print_report(summary, 0, Console(file=text))
    assert "no frame was delivered" in text.getvalue()


def test_plain_table() -> None:
    assert printed(Console(file=io.StringIO())) == TABLE


def test_several_cpus() -> None:
    text = io.StringIO()
    softnet = SUMMARY["softnet"] + [{**SUMMARY["softnet"][0], "received_rps": 40}]
    print_report(SUMMARY | {"cpu": SUMMARY["cpu"] * 2, "softnet": softnet}, 0, Console(file=text, width=120))
    shown = text.getvalue()
    assert (
        "Packets by CPU\n  CPU 0                                700  10 dropped by its backlog, 0 interrupts" in shown
    )
    assert "CPU 1                                700  10 dropped by its backlog, 40 interrupts for RPS" in shown
    assert shown.index("Time of CPU 0") < shown.index("Time of CPU 1")


def test_no_remark_on_padding_without_any() -> None:
    assert "padded" not in printed(Console(file=io.StringIO()), padded=0)


def test_terminal_table_says_the_same() -> None:
    shown = printed(Console(file=io.StringIO(), force_terminal=True, color_system=None, width=120))
    assert shown.split() == TABLE.split()


def test_terminal_has_colours_and_pipe_has_none() -> None:
    colours = Console(file=io.StringIO(), force_terminal=True, color_system="standard", width=120)
    assert "\x1b[" in printed(colours)
    assert "\x1b" not in TABLE


def shown(summary: dict[str, Any]) -> str:
    text = io.StringIO()
    print_report(summary, 0, Console(file=text))
    return text.getvalue()


def test_broken_rules() -> None:
    summary = build_summary(SCENARIO, replace(RESULTS, rules=RuleResults(checked=54, broken=(BROKEN,))))
    assert summary["rules"]["broken"] == {"napi-orphan": 1_200}
    assert summary["rules"]["violations"][1] == {
        "rule": "napi-orphan",
        "level": "warn",
        "time_ns": 6_000,
        "context": "CPU 0, softirq on top of <idle>",
        "where": "driver/x.py:7 in x_poll",
        "what": "poll() returned 3",
    }
    words = (
        "Rules for drivers checked 54 broken: napi-orphan 1,200 first at 5,000 ns, driver/x.py:7 in x_poll Simulation"
    )
    assert words in " ".join(shown(summary).split())


def test_a_broken_rule_without_a_line() -> None:
    broken = replace(BROKEN, first=(replace(VIOLATION, where=None),))
    summary = build_summary(SCENARIO, replace(RESULTS, rules=RuleResults(checked=54, broken=(broken,))))
    assert "first at 5,000 ns, CPU 0, softirq on top of <idle>\n" in shown(summary)


def test_unchecked_rules() -> None:
    summary = build_summary(SCENARIO, replace(RESULTS, rules=RuleResults(checked=0, broken=())))
    assert "  checked                             none  all are ignored\n" in shown(summary)


def test_a_failed_run_has_no_results() -> None:
    failure = RunFailed("off", "two\nlines")
    summary = build_failed_summary(SCENARIO, failure, 1_234_567, RuleResults(checked=54, broken=()))
    assert summary == {
        "failed": {"error": "off", "details": ["two", "lines"], "time_ns": 1_234_567},
        "rules": SUMMARY["rules"],
        "scenario": SUMMARY["scenario"],
    }
    assert shown(summary).split("\n")[0] == "The run failed"
    assert shown(summary).split()[3:9] == ["why", "off", "its", "files", "end", "at"]


def test_a_run_that_turns_out_to_have_failed() -> None:
    summary = as_failed(SUMMARY, RunFailed("the RTL reports"))
    assert summary["failed"] == {"error": "the RTL reports", "details": []}
    assert not {"frames", "latency_ns", "time"} & summary.keys()
    assert shown(summary).split()[:7] == ["The", "run", "failed", "why", "the", "RTL", "reports"]
    assert as_failed(summary, RunFailed("once more")) == summary
