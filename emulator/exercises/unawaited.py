"""Finds calls of coroutine functions in a driver that lack their await, by the warning that Python gives."""

from __future__ import annotations

import contextlib
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from driver.kernel.rules.place import short
from emulator.exercises.faults import Fault
from emulator.exercises.loader import line_text

_NEVER_AWAITED = re.compile(r"coroutine '(?P<function>[^']*)' was never awaited")


class Unawaited:
    """What was found in the driver of a file.

    Attributes:
        found: the first one, as the driver's fault.
    """

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._place = re.compile(rf'File "{re.escape(self._path)}", line (?P<line>\d+), in (?P<name>\S+)')
        self.found: Fault | None = None

    @contextlib.contextmanager
    def caught(self) -> Iterator[None]:
        """Look out for them within the body."""
        depth = sys.get_coroutine_origin_tracking_depth()
        sys.set_coroutine_origin_tracking_depth(1)  # the warning then names the line
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always", RuntimeWarning)
                warnings.showwarning = self._show
                yield
        finally:
            sys.set_coroutine_origin_tracking_depth(depth)

    def _show(self, message: Warning | str, *_: object, **__: object) -> None:
        what, place = _NEVER_AWAITED.search(str(message)), self._place.search(str(message))
        if self.found is not None or what is None or place is None:
            return
        function = what["function"]
        self.found = Fault(
            headline=f"{function}() is called without await: nothing of it was done",
            expected=f"await {function}(...)",
            happened=f"{function}(...) made a coroutine, and nobody ran it",
            where=f"{short(self._path)}:{place['line']} in {place['name']}",
            code=line_text(self._path, int(place["line"])),
        )
