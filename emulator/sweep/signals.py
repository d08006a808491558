"""Ctrl-C and SIGTERM as entries of a queue, for code in which an exception at any moment may get lost.

Futures of Dask run Python code when they are freed, and so does its watch on the garbage collector; what a signal's
handler raises in there, Python drops.
"""

from __future__ import annotations

import contextlib
import functools
import signal
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

#: What a signal puts into the queue: called, it does what the signal would have done.
Interruption = Callable[[], object]


@contextlib.contextmanager
def signals_to(queue: SimpleQueue[Any]) -> Iterator[None]:
    """While the body runs, a signal does nothing but put an Interruption into the queue."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = {number: handler for number in numbers if callable(handler := signal.getsignal(number))}

    def put(number: int, _frame: object) -> None:
        queue.put(functools.partial(handlers[signal.Signals(number)], number, None))

    for number in handlers:
        signal.signal(number, put)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
