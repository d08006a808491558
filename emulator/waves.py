"""The GTKWave save file that goes with a run's waves."""

from __future__ import annotations

from pathlib import Path


def write_save_file(path: Path, waves: Path) -> None:
    """Write the save file for a dump."""
    path.write_text(f'[dumpfile] "{waves}"\n')
