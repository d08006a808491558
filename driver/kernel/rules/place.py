"""Where in a driver, and in what context, the present code runs."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from driver.kernel.cpu import Account, Cpu, Level
from driver.kernel.rules.rule import CodeLine

#: Code below here is the kernel's.
_KERNEL = str(Path(__file__).resolve().parents[1])

_LOOP = Cpu.run.__code__


def driver_line() -> CodeLine | None:
    """The innermost line of a driver on the stack of the code that runs; None if there is none.

    A coroutine that runs has whoever awaits it below it on the stack, down to the CPU's loop.
    """
    frame = sys._getframe(1)
    while frame is not None and frame.f_code is not _LOOP:
        code = frame.f_code
        if not code.co_filename.startswith(_KERNEL):
            return CodeLine(_short(code.co_filename), frame.f_lineno, code.co_name)
        below = frame.f_back
        if below is None:
            return None
        frame = below
    return None


#: A place in the code that is not made readable yet: file, line, function.
Spot = tuple[str, int, str]


def driver_spot() -> Spot | None:
    """driver_line() in a form that is quickly made, to be kept for later."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code is not _LOOP:
        code = frame.f_code
        if not code.co_filename.startswith(_KERNEL):
            return code.co_filename, frame.f_lineno, code.co_name
        below = frame.f_back
        if below is None:
            return None
        frame = below
    return None


def line_of(spot: Spot | None) -> CodeLine | None:
    """A spot for people."""
    return CodeLine(_short(spot[0]), spot[1], spot[2]) if spot else None


def called_by_driver(*through: str) -> bool:
    """Whether it is a driver that called the kernel function that calls this one's caller.

    Arguments:
        through: kernel functions that may be in between.
    """
    frame = sys._getframe(2).f_back
    while frame is not None and frame.f_code.co_name in through and frame.f_code.co_filename.startswith(_KERNEL):
        frame = frame.f_back
    return frame is not None and not frame.f_code.co_filename.startswith(_KERNEL)


def raised_at(error: BaseException) -> CodeLine | None:
    """The innermost line of a driver in an exception's traceback."""
    line = None
    for frame, number in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        if not code.co_filename.startswith(_KERNEL):
            line = CodeLine(_short(code.co_filename), number, code.co_name)
    return line


def function_line(function: Callable[..., Any]) -> CodeLine | None:
    """Where a driver's function begins; None for one of the kernel's, and for what is no plain function."""
    code = getattr(function, "__code__", None)
    if code is None or code.co_filename.startswith(_KERNEL):
        return None
    return CodeLine(_short(code.co_filename), code.co_firstlineno, code.co_name)


def context_of(cpu: Cpu | None) -> str:
    """What a CPU runs, in words."""
    if cpu is None:
        return "between two instants"
    task = f"{cpu.current.comm}-{cpu.current.pid}" if cpu.current else "<idle>"
    if cpu.level is Level.HARDIRQ:
        return f"CPU {cpu.id}, hardirq on top of {task}"
    if cpu.serving_softirq:
        thread = cpu.current is not None and cpu.current.context.account is Account.KSOFTIRQD
        return f"CPU {cpu.id}, softirq {'in' if thread else 'on top of'} {task}"
    return f"CPU {cpu.id}, task {task}"


@functools.cache
def _short(file: str) -> str:
    """A file as its reader knows it: below the present directory if it is there."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
