"""Signals as entries of a queue: nothing is interrupted, and nothing is lost."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import pytest

from emulator.sweep.signals import signals_to


class Terminated(Exception):  # noqa: N818
    """What SIGTERM raises here."""


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Handlers as the command line has them."""

    def terminate(*_: object) -> None:
        raise Terminated

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, terminate)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Finalized:
    """An exception that is raised while this is freed is dropped."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_a_signal_raises_when_its_entry_is_called() -> None:
    queue: SimpleQueue[Any] = SimpleQueue()
    with signals_to(queue):
        queue.put("a result")
        signal.raise_signal(signal.SIGTERM)
        Finalized()
        assert queue.get() == "a result"
        with pytest.raises(Terminated):
            queue.get()()
        with pytest.raises(KeyboardInterrupt):
            queue.get()()
    assert queue.empty()


def test_afterwards_signals_are_what_they_were() -> None:
    queue: SimpleQueue[Any] = SimpleQueue()
    with signals_to(queue):
        pass
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(Terminated):
        signal.raise_signal(signal.SIGTERM)


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    queue: SimpleQueue[Any] = SimpleQueue()
    with signals_to(queue):
        signal.raise_signal(signal.SIGINT)
    assert queue.empty()
