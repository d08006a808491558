"""The progress of a run reaches the person who waits, also from another process."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from emulator.progress import follow, no_progress, progress_bar, report_to


def test_no_bar_without_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with progress_bar(10) as progress:
        assert progress is no_progress
        progress(5)
    assert capfd.readouterr() == ("", "")


def test_reports_arrive_through_the_file(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    arrived = threading.Event()
    seen: list[int] = []

    def show(frames_done: int) -> None:
        seen.append(frames_done)
        if frames_done == 300:
            arrived.set()

    with follow(path, show):
        with report_to(path) as progress:
            progress(300)
        arrived.wait()
    assert set(seen) <= {0, 300}
    assert not path.exists()


def test_reports_are_seldom_enough_to_cost_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("emulator.progress.time.monotonic", lambda: now)
    path = tmp_path / "progress"
    path.write_bytes(bytes(8))
    with report_to(path) as progress:
        progress(1)
        progress(2)
        assert int.from_bytes(path.read_bytes()) == 1
        now += 0.2
        progress(3)
        assert int.from_bytes(path.read_bytes()) == 3
