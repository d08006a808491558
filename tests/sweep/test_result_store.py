"""Results are kept whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

from emulator.sweep.result_store import Result, ResultStore, write_whole

GOOD = Result(summary={"frames": {"offered": 5}})
BAD = Result(error="5 frames lost")


def test_what_is_kept_is_found(tmp_path: Path) -> None:
    store = ResultStore(tmp_path / "small.runs")
    assert store.get("a") is None
    store.put("a", BAD)
    store.put("b", GOOD)
    assert ResultStore(tmp_path / "small.runs").get("a") == BAD
    store.put("a", GOOD)
    assert store.get("a") == store.get("b") == GOOD
    assert sorted(path.name for path in (tmp_path / "small.runs").iterdir()) == ["a.json", "b.json"]


@pytest.mark.parametrize("damage", [b"", b'{"summary": {', b"[]", b"3", b'{"other": 1}', b"\xff"])
def test_a_damaged_result_is_none(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "a.json").write_bytes(damage)
    assert ResultStore(tmp_path).get("a") is None


def test_a_write_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.csv"
    write_whole(path, b"old")

    def full(_descriptor: int) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
