"""Ends a process in which the driver keeps Python busy without letting simulated time go on, and tells the line."""

from __future__ import annotations

import linecache
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from driver.kernel.cpu import Cpu
from driver.kernel.rules.place import short

#: How long the kernel may work at one instant before that is an endless loop, and how often to look; in s of real time.
PATIENCE_S = 3.0
LOOK_EVERY_S = 0.25

#: Exit status of a process that was ended so.
HANGS = 3

_LOOP = Cpu.run.__code__


class Watchdog:
    """Watches the thread that makes it.

    Attributes:
        turns: whoever runs the kernel adds 1 whenever it has run.
        loading: the driver's file is being loaded: there is no kernel yet.
    """

    def __init__(self, beat: Callable[[], object]) -> None:
        """``beat`` is called now and then as long as Python runs at all."""
        self.turns = 0
        self._beat = beat
        self.loading = False
        self._path: Path | None = None
        self._hangs: Callable[[str, str], None] = lambda _where, _code: None
        self._watched = threading.get_ident()
        threading.Thread(target=self._watch, daemon=True).start()

    def watch(self, path: Path, hangs: Callable[[str, str], None]) -> None:
        """From now on watch the driver of this file, which is going to be loaded.

        Arguments:
            path: the file.
            hangs: called with the driver's line and what stands there; then the process ends.
        """
        self._path, self._hangs, self.loading = path, hangs, True
        self.turns += 1

    def _watch(self) -> None:
        seen, since = -1, 0.0
        tick = threading.Event()
        while True:
            tick.wait(LOOK_EVERY_S)
            self._beat()
            frame = sys._current_frames().get(self._watched)
            if self.turns != seen or frame is None or not (self.loading or _in_kernel(frame)):
                seen, since = self.turns, 0.0
                continue
            since += LOOK_EVERY_S
            if since >= PATIENCE_S and self._path is not None:
                self._hangs(*_place(frame, self._path))
                os._exit(HANGS)


def _in_kernel(frame: FrameType | None) -> bool:
    """Whether a thread is within the machine's loop."""
    while frame is not None:
        if frame.f_code is _LOOP:
            return True
        frame = frame.f_back
    return False


def _place(frame: FrameType | None, path: Path) -> tuple[str, str]:
    """The innermost line of the driver, and what stands there."""
    while frame is not None:
        code = frame.f_code
        if code.co_filename == str(path):
            line = linecache.getline(code.co_filename, frame.f_lineno).strip()
            return f"{short(code.co_filename)}:{frame.f_lineno} in {code.co_name}", line
        frame = frame.f_back
    return "", ""
