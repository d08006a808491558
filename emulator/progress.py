"""The progress bar of a run, and how a simulator in another process moves it."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

#: Called now and then with the number of frames that have come to their end, delivered or dropped.
Progress = Callable[[int], None]

_SHOW_EVERY_S = 0.1
_FIELD_BYTES = 8


def no_progress(frames_done: int) -> None:
    """Show nothing."""


@contextlib.contextmanager
def progress_bar(total_frames: int) -> Iterator[Progress]:
    """A bar on stderr while the body runs; none if stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield no_progress
        return
    columns = (TextColumn("frames"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("frames", total=total_frames)
        yield _seldom(lambda frames_done: bars.update(task, completed=frames_done))


@contextlib.contextmanager
def follow(path: Path, progress: Progress) -> Iterator[None]:
    """While the body runs, show what another process reports to a file with `report_to`."""
    path.write_bytes(bytes(_FIELD_BYTES))
    over = threading.Event()

    def poll() -> None:
        while not over.wait(_SHOW_EVERY_S):
            progress(int.from_bytes(path.read_bytes()))

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        path.unlink()


@contextlib.contextmanager
def report_to(path: Path) -> Iterator[Progress]:
    """The other end of `follow`."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        yield _seldom(lambda frames_done: _write(descriptor, frames_done))
    finally:
        os.close(descriptor)


def _write(descriptor: int, frames_done: int) -> None:
    os.pwrite(descriptor, frames_done.to_bytes(_FIELD_BYTES), 0)


def _seldom(progress: Progress) -> Progress:
    """The same, but not more often than a person can see."""
    last = 0.0

    def call(frames_done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _SHOW_EVERY_S:
            last = now
            progress(frames_done)

    return call
