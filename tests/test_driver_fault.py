"""Drivers that break a rule or raise, in whole runs: what the user is told, and that the files can be read."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from scapy.utils import RawPcapNgReader

from driver.e1000 import main as e1000
from driver.e1000.interrupt import e1000_clean, e1000_intr
from driver.kernel.irq import IrqReturn
from driver.kernel.net.napi import Napi
from driver.kernel.net.netdevice import NetDevice
from driver.kernel.rules.catalogue import RULES
from emulator import cli
from emulator.output import DELIVERED, FILES, SUMMARY, TRACE

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)


def run(*options: str) -> tuple[int, dict[str, Any]]:
    """Exit status and summary of a run of 200 frames."""
    status = cli.main(["run", "--engine", "model", "--generate", "60", "--count", "200", "--out", "out", *options])
    return status, json.loads(Path("out", SUMMARY).read_text())


def line_of(function: Callable[..., object], offset: int) -> str:
    """How people are shown a line of a function in this file."""
    return f"tests/test_driver_fault.py:{function.__code__.co_firstlineno + offset} in {function.__name__}"


async def forgetful(napi: Napi, budget: int) -> int:
    if napi.polls == 3:
        return 0
    return await e1000_clean(napi, budget)


async def raising_poll(napi: Napi, budget: int) -> int:
    if napi.polls == 3:
        return [0][napi.polls]
    return await e1000_clean(napi, budget)


async def raising_handler(irq: int, dev_id: object) -> IrqReturn:
    result = await e1000_intr(irq, dev_id)
    if irq:
        raise KeyError(irq)
    return result


async def raising_stop(_ops: e1000.E1000Ops, _dev: NetDevice) -> int:
    raise ValueError("cannot stop")


async def catching(napi: Napi, budget: int) -> int:
    assert napi.dev is not None
    rules = napi.dev.machine.rules
    assert rules is not None
    with contextlib.suppress(BaseException):
        rules.broken(RULES["napi-orphan"], "for a test")
    return await e1000_clean(napi, budget)


def check_files(summary: dict[str, Any], error: str) -> None:
    """The summary says that the run failed, and has nothing else; the others can be read to their end."""
    assert summary["failed"]["error"] == error
    assert summary.keys() == {"failed", "rules", "scenario"}
    assert Path("out", TRACE).read_text().endswith("\n")
    with RawPcapNgReader(str(Path("out", DELIVERED))) as reader:
        assert len(list(reader)) <= 200
    assert {path.name for path in Path("out").iterdir()} <= set(FILES)


def test_a_broken_rule_ends_the_run(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(e1000, "e1000_clean", forgetful)
    status, summary = run()
    where = line_of(forgetful, 0)
    error = f"eth0, napi 65: poll() returned 0, less than its budget of 64, without completing ({where})"
    assert status == 1
    check_files(summary, f"the driver broke the rule napi-orphan: {error}")
    assert summary["rules"]["broken"] == {"napi-orphan": 1}
    out, err = capsys.readouterr()
    assert out.startswith("The run failed\n")
    assert err.startswith(f"napi-hil: run failed: the driver broke the rule napi-orphan: {error}\nnapi-orphan: eth0")
    assert f"\n  at {summary['failed']['time_ns']:,} ns, CPU 0, softirq on top of <idle>\n  {where}\n" in err
    assert err.count("to mend it: ") == 1


@pytest.mark.slow
def test_the_same_as_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run goes on, and fails for what follows: nobody polls any more."""
    monkeypatch.setattr(e1000, "e1000_clean", forgetful)
    status, summary = run("--rule", "napi-orphan=warn")
    assert status == 1
    assert "lost" in summary["failed"]["error"] or "waits" in summary["failed"]["error"]
    assert summary["rules"]["broken"] == {"napi-orphan": 1}


@dataclass(frozen=True)
class Raising:
    """A function that raises in place of one of the driver's.

    Attributes:
        replaces: that function.
        offset: the line that raises, from the function's first one.
    """

    replaces: str
    function: Callable[..., Awaitable[int]]
    raised: str
    offset: int
    context: str


RAISING = (
    Raising("e1000_clean", raising_poll, "IndexError: list index out of range", 2, "softirq on"),
    Raising("e1000_intr", raising_handler, "KeyError: 16", 3, "hardirq on"),
    Raising("E1000Ops.ndo_stop", raising_stop, "ValueError: cannot stop", 1, "task ip-"),
)


@pytest.mark.parametrize("case", RAISING, ids=lambda case: case.replaces)
def test_a_driver_that_raises(monkeypatch: pytest.MonkeyPatch, capsys: Capture, case: Raising) -> None:
    monkeypatch.setattr(f"driver.e1000.main.{case.replaces}", case.function)
    status, summary = run("--rule", "all=ignore")
    assert status == 1
    where = line_of(case.function, case.offset)
    check_files(summary, f"the driver raised {case.raised} ({where})")
    err = capsys.readouterr().err.splitlines()
    assert err[0].startswith("napi-hil: run failed: the driver raised ")
    assert err[1].startswith("  at ")
    assert f" ns, CPU 0, {case.context}" in err[1]
    assert err[2] == f"  {where}"
    assert err[-1] == f"  {case.raised}"
    assert not any("driver/kernel" in line or "emulator/" in line for line in err)


def test_a_driver_that_catches_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e1000, "e1000_clean", catching)
    status, summary = run()
    assert status == 1
    assert summary["failed"]["error"] == "the driver broke the rule napi-orphan and went on"


def test_a_good_run_says_so() -> None:
    status, summary = run()
    assert status == 0
    assert summary["failed"] is None
    assert summary["rules"]["broken"] == {}


def test_checks_change_nothing() -> None:
    """Trace and results are those of a run without them."""
    _, checked = run()
    trace = Path("out", TRACE).read_text()
    _, unchecked = run("--rule", "all=ignore")
    assert Path("out", TRACE).read_text() == trace
    assert unchecked["rules"]["checked"] == 0
    for summary in (checked, unchecked):
        del summary["rules"], summary["scenario"], summary["time"]["wall_s"]
    assert checked == unchecked
