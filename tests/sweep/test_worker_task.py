"""What a worker does with a run: the result, or why it cannot."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NoReturn

import pytest

from emulator.errors import RunFailed, UserError
from emulator.scenario import Scenario
from emulator.sweep import worker_task
from emulator.sweep.identity import contents_of
from emulator.sweep.result_store import Result
from emulator.sweep.worker_task import run_one

SCENARIO = Scenario(generate=(60,), count=5, engine="model", waves=False, trace=False, frames=False)


def test_a_run() -> None:
    result = run_one(SCENARIO.to_dict(), contents_of(SCENARIO))
    assert result.error is None
    assert result.summary
    assert result.summary["frames"]["delivered"] == 5
    assert Scenario.from_dict(result.summary["scenario"]) == SCENARIO


def fail_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def execute(*_: object) -> NoReturn:
        raise error

    monkeypatch.setattr(worker_task, "execute", execute)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RunFailed("NIC 0: 5 frames lost"), "NIC 0: 5 frames lost"),
        (AssertionError("a bug\n  in a driver"), "AssertionError: a bug in a driver"),
    ],
)
def test_a_run_that_fails(monkeypatch: pytest.MonkeyPatch, error: Exception, text: str) -> None:
    fail_with(monkeypatch, error)
    assert run_one(SCENARIO.to_dict(), contents_of(SCENARIO)) == Result(error=text)


def test_an_engine_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, UserError("iverilog was not found"))
    with pytest.raises(UserError, match="iverilog was not found"):
        run_one(SCENARIO.to_dict(), contents_of(SCENARIO))


@pytest.mark.parametrize(
    ("differing", "complaint"),
    [
        ("sources", "the sources of napi-hil differ"),
        ("capture", "some.pcap differs"),
        ("costs", "cost profile modern differs"),
    ],
)
def test_a_machine_with_other_files(tmp_path: Path, differing: str, complaint: str) -> None:
    capture = tmp_path / "some.pcap"
    capture.write_bytes(b"")
    scenario = dataclasses.replace(SCENARIO, generate=(), count=None, capture=str(capture))
    expected = dataclasses.replace(contents_of(scenario), **{differing: "other"})
    with pytest.raises(UserError, match=f"worker on .*: .*{complaint}"):
        run_one(scenario.to_dict(), expected)
