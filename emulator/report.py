"""What a run says: summary.json, and the table a person reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from rich.console import Console

from emulator.errors import RunFailed
from emulator.results import AppCounts, CpuTime, Latency, RuleResults, RunResults, SoftnetCounts
from emulator.scenario import Scenario

Summary = Mapping[str, Any]

_CONTEXTS = {
    "hardirq": "interrupt handlers",
    "softirq": "softirqs",
    "ksoftirqd": "ksoftirqd",
    "user": "other threads",
    "idle": "idle",
}


def build_summary(scenario: Scenario, results: RunResults) -> dict[str, Any]:
    """The content of summary.json; equal options give equal content, except ``time.wall_s``.

    ``latency_ns`` is null in each place if nothing was delivered; packets_per_poll is 0 if there was no poll.
    """
    frames, napi = results.frames, results.napi
    return {
        "failed": None,
        "frames": {
            "offered": frames.offered,
            "delivered": frames.delivered,
            "dropped": {
                "nic_missed": frames.nic_missed,
                "nic_error": frames.nic_error,
                "nic_filtered": frames.nic_filtered,
                "backlog": frames.backlog,
                **({"nic_queue": frames.nic_queue} if scenario.queues > 1 else {}),
            },
        },
        "interrupts": {"rx": results.interrupts.rx, "total": results.interrupts.total},
        "napi": {
            "polls": napi.polls,
            "completed": napi.completed,
            "exhausted": napi.exhausted,
            "packets_per_poll": round(napi.packets / napi.polls, 3) if napi.polls else 0.0,
        },
        "cpu": [_cpu_summary(cpu) for cpu in results.cpus],
        "softnet": [_softnet_summary(counts) for counts in results.softnet],
        "latency_ns": _latency_summary(results.latency),
        "app": results.app and _app_summary(results.app),
        "time": {
            "simulated_ns": results.time.simulated_ns,
            "cycles": results.time.cycles,
            "wall_s": round(results.time.wall_s, 3),
        },
        "rules": _rules_summary(results.rules),
        "scenario": scenario.to_dict(),
    }


def build_failed_summary(scenario: Scenario, failure: RunFailed, now_ns: int, rules: RuleResults) -> dict[str, Any]:
    """The content of summary.json after a run that failed: why, and nothing that could be taken for a result."""
    return {
        "failed": _failed(failure) | {"time_ns": now_ns},
        "rules": _rules_summary(rules),
        "scenario": scenario.to_dict(),
    }


def as_failed(summary: Summary, failure: RunFailed) -> dict[str, Any]:
    """What becomes of a summary if it turns out later that the run failed."""
    return {"failed": summary["failed"] or _failed(failure), "rules": summary["rules"], "scenario": summary["scenario"]}


def _failed(failure: RunFailed) -> dict[str, Any]:
    return {"error": str(failure), "details": failure.details.splitlines()}


def _rules_summary(rules: RuleResults) -> dict[str, Any]:
    return {
        "checked": rules.checked,
        "broken": {rule.name: rule.count for rule in rules.broken},
        "violations": [
            {
                "rule": rule.name,
                "level": rule.level,
                "time_ns": violation.time_ns,
                "context": violation.context,
                "where": violation.where and str(violation.where),
                "what": violation.what,
            }
            for rule in rules.broken
            for violation in rule.first
        ],
    }


def _latency_summary(latency: Latency | None) -> dict[str, Any]:
    return {
        "min": latency and latency.min,
        "p50": latency and latency.p50,
        "p99": latency and latency.p99,
        "max": latency and latency.max,
    }


def _app_summary(app: AppCounts) -> dict[str, Any]:
    return {
        "received": app.received,
        "socket_full": app.socket_full,
        "answered": app.answered,
        "round_trip_ns": _latency_summary(app.round_trip),
    }


def _cpu_summary(cpu: CpuTime) -> dict[str, int]:
    return {
        "hardirq": cpu.hardirq,
        "softirq": cpu.softirq,
        "ksoftirqd": cpu.ksoftirqd,
        "user": cpu.user,
        "idle": cpu.idle,
    }


def _softnet_summary(counts: SoftnetCounts) -> dict[str, int]:
    return {
        "processed": counts.processed,
        "dropped": counts.dropped,
        "time_squeeze": counts.time_squeeze,
        "received_rps": counts.received_rps,
        "flow_limit_count": counts.flow_limit_count,
    }


def format_summary(summary: Summary) -> str:
    """The text of summary.json."""
    return json.dumps(summary, indent=2) + "\n"


class _Row(NamedTuple):
    """A line of the table: what, how much, and a remark."""

    what: str
    value: str
    remark: str = ""


def print_report(summary: Summary, padded: int, console: Console) -> None:
    """Print the table of a summary; ``padded`` frames were lengthened to 60 bytes. Colours only on a terminal."""
    sections = _sections(summary, padded)
    rows = [row for section in sections.values() for row in section]
    what_width = max(len(row.what) for row in rows)
    value_width = max(len(row.value) for row in rows)
    for title, section in sections.items():
        console.print(title, style="bold cyan", markup=False, highlight=False, soft_wrap=True)
        for row in section:
            line = f"  {row.what:{what_width}}  {row.value:>{value_width}}  {row.remark}".rstrip()
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _sections(summary: Summary, padded: int) -> dict[str, list[_Row]]:
    if summary["failed"]:
        return {"The run failed": _failed_rows(summary), "Rules for drivers": _rule_rows(summary)}
    sections = {
        "Frames": _frame_rows(summary, padded),
        "Interrupts and NAPI": _napi_rows(summary),
    }
    if len(summary["softnet"]) > 1:
        sections["Packets by CPU"] = _softnet_rows(summary)
    for number, cpu in enumerate(summary["cpu"]):
        sections[f"Time of CPU {number}"] = _cpu_rows(cpu)
    from_wire = "from a frame's last byte (FCS) on the wire to netif_receive_skb"
    sections["Latency from wire to stack"] = _latency_rows(summary["latency_ns"], from_wire)
    if summary["app"]:
        sections[f"Application: {summary['scenario']['app']}"] = _app_rows(summary["app"], summary["frames"])
    sections["Rules for drivers"] = _rule_rows(summary)
    sections["Simulation"] = _speed_rows(summary)
    return sections


def _failed_rows(summary: Summary) -> list[_Row]:
    failed = summary["failed"]
    rows = [_Row("why", "", failed["error"])]
    if "time_ns" in failed:
        rows.append(_Row("its files end at", f"{failed['time_ns']:,} ns"))
    return rows


def _rule_rows(summary: Summary) -> list[_Row]:
    """How many were checked; then each that was broken, and where it was first."""
    rules = summary["rules"]
    if not rules["checked"]:
        return [_Row("checked", "none", "all are ignored")]
    rows = [_Row("checked", str(rules["checked"]), "" if rules["broken"] else "none was broken")]
    first = {violation["rule"]: violation for violation in reversed(rules["violations"])}
    for name, count in rules["broken"].items():
        where = first[name]["where"] or first[name]["context"]
        rows.append(_Row(f"broken: {name}", f"{count:,}", f"first at {first[name]['time_ns']:,} ns, {where}"))
    return rows


#: Where frames end for which a queue has no descriptor.
_QUEUES = "no descriptor in their queue (RQDPC)"


def _frame_rows(summary: Summary, padded: int) -> list[_Row]:
    frames, dropped = summary["frames"], summary["frames"]["dropped"]
    offered = frames["offered"]
    row = partial(_share, offered)
    remark = f"{padded:,} of them were shorter than 60 bytes and padded with zeros" if padded else ""
    return [
        _Row("offered", f"{offered:,}", remark),
        row("delivered", frames["delivered"], "reached netif_receive_skb, unchanged and in order"),
        row("dropped: missed by the NIC", dropped["nic_missed"], "no room in its receive FIFO (MPC)"),
        row("dropped: bad frames", dropped["nic_error"], "FCS or length, counted by the NIC"),
        row("dropped: filtered", dropped["nic_filtered"], "not for this station"),
        *([row("dropped: queues", dropped["nic_queue"], _QUEUES)] if "nic_queue" in dropped else []),
        row("dropped: backlog full", dropped["backlog"], "netif_rx found no room in the CPU's queue"),
    ]


def _napi_rows(summary: Summary) -> list[_Row]:
    interrupts, napi, delivered = summary["interrupts"], summary["napi"], summary["frames"]["delivered"]
    squeezed = sum(softnet["time_squeeze"] for softnet in summary["softnet"])
    per_packet = f"{interrupts['rx'] / delivered:.4g} per delivered frame" if delivered else ""
    return [
        _Row("receive interrupts", f"{interrupts['rx']:,}", per_packet),
        _Row("all interrupts", f"{interrupts['total']:,}"),
        _Row("polls", f"{napi['polls']:,}", "calls of the poll function"),
        _Row("  completed", f"{napi['completed']:,}", "ring empty, interrupt unmasked"),
        _Row("  budget used up", f"{napi['exhausted']:,}", f"of {summary['scenario']['budget']} packets; polled again"),
        _Row("packets per poll", f"{napi['packets_per_poll']:.2f}"),
        _Row("time_squeeze", f"{squeezed:,}", "softirqs ended by netdev_budget or its time limit"),
    ]


def _softnet_rows(summary: Summary) -> list[_Row]:
    return [
        _Row(
            f"CPU {number}",
            f"{counts['processed']:,}",
            f"{counts['dropped']:,} dropped by its backlog, {counts['received_rps']:,} interrupts for RPS",
        )
        for number, counts in enumerate(summary["softnet"])
    ]


def _cpu_rows(cpu: Mapping[str, int]) -> list[_Row]:
    total = sum(cpu.values())
    return [_Row(words, _percent(cpu[key], total), _duration(cpu[key])) for key, words in _CONTEXTS.items()]


def _app_rows(app: Summary, frames: Summary) -> list[_Row]:
    row = partial(_share, frames["offered"])
    rows = [
        row("received", app["received"], "datagrams"),
        row("dropped: socket full", app["socket_full"], "its receive buffer had no room (RcvbufErrors)"),
    ]
    if app["answered"]:
        round_trip = "round trip: from a frame's first bit to its answer's last byte (FCS)"
        rows.append(row("answered", app["answered"], "answers on the wire"))
        rows += _latency_rows(app["round_trip_ns"], round_trip)
    return rows


def _latency_rows(latency: Summary, what: str) -> list[_Row]:
    if latency["min"] is None:
        return [_Row("no frame was delivered", "")]
    return [
        _Row("shortest", _duration(latency["min"]), what),
        _Row("median", _duration(latency["p50"])),
        _Row("99 % are within", _duration(latency["p99"])),
        _Row("longest", _duration(latency["max"])),
    ]


def _speed_rows(summary: Summary) -> list[_Row]:
    time, offered = summary["time"], summary["frames"]["offered"]
    wall_s = max(time["wall_s"], 0.001)
    rows = [
        _Row("simulated time", _duration(time["simulated_ns"])),
        _Row("wall time", f"{time['wall_s']:.2f} s"),
        _Row("frames per wall second", f"{offered / wall_s:,.0f}"),
    ]
    if time["cycles"]:
        rows.append(
            _Row("clock cycles per wall second", f"{time['cycles'] / wall_s:,.0f}", f"{time['cycles']:,} cycles")
        )
    return rows


def _share(offered: int, what: str, count: int, remark: str) -> _Row:
    """So many frames, and how much of those that were offered."""
    return _Row(what, f"{count:,}", f"{_percent(count, offered):>8}  {remark}")


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "-"


def _duration(nanoseconds: int) -> str:
    """A time in the unit that suits it."""
    if nanoseconds < 10_000:
        return f"{nanoseconds:,} ns"
    if nanoseconds < 10_000_000:
        return f"{nanoseconds / 1_000:,.1f} us"
    return f"{nanoseconds / 1_000_000:,.3f} ms"
