"""Sweep files for tests."""

from __future__ import annotations

from pathlib import Path

#: Four runs of a moment each.
SMALL = """\
[scenario]
generate = [60]
count = 20
engine = "model"
[axes]
mode = ["napi", "irq"]
seed = [1, 2]
"""


def sweep_file(folder: Path, text: str = SMALL, name: str = "small.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path
