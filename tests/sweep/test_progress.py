"""The progress of a sweep where there is no terminal, and where there is one."""

from __future__ import annotations

import sys

import pytest

from emulator.sweep.progress import sweep_progress


def test_a_line_per_run(capsys: pytest.CaptureFixture[str]) -> None:
    with sweep_progress(2) as report:
        report("mode=napi", None)
        report("mode=irq", "5 frames lost")
    assert capsys.readouterr() == ("", "1/2 mode=napi: done\n2/2 mode=irq: failed: 5 frames lost\n")


def test_a_bar_and_a_line_per_failure(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with sweep_progress(2) as report:
        report("mode=napi", None)
        report("mode=[irq]", "5 frames lost")
    out, err = capsys.readouterr()
    assert out == ""
    assert "mode=[irq]: failed: 5 frames lost\n" in err.replace("\r", "")
    assert "mode=napi" not in err
    assert "2/2" in err
