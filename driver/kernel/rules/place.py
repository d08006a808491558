"""Where in a driver the present code runs, and which lines of a traceback are a driver's."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from driver.kernel.cpu import Cpu
from driver.kernel.rules.rule import CodeLine

_ROOT = Path(__file__).resolve().parents[3]

#: Code below these folders is no driver's: the kernel's and the emulation's; nor is Python's own.
_KERNEL = str(_ROOT / "driver" / "kernel") + os.sep
_NOT_A_DRIVERS = (_KERNEL, str(_ROOT / "emulator") + os.sep)
_LIBRARY = (sysconfig.get_path("stdlib") + os.sep, "<")
_INSTALLED = f"{os.sep}site-packages{os.sep}"

_LOOP = Cpu.run.__code__


def is_driver_file(file: str) -> bool:
    """Whether a source file is a driver's."""
    return not (file.startswith(_NOT_A_DRIVERS) or (file.startswith(_LIBRARY) and _INSTALLED not in file))


def driver_line() -> CodeLine | None:
    """The innermost line of a driver on the stack of the code that runs; None if there is none.

    A coroutine that runs has whoever awaits it below it on the stack, down to the CPU's loop.
    """
    frame = sys._getframe(1)
    while frame is not None and frame.f_code is not _LOOP:
        code = frame.f_code
        if is_driver_file(code.co_filename):
            return CodeLine(short(code.co_filename), frame.f_lineno, code.co_name)
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
        if is_driver_file(code.co_filename):
            return code.co_filename, frame.f_lineno, code.co_name
        below = frame.f_back
        if below is None:
            return None
        frame = below
    return None


def line_of(spot: Spot | None) -> CodeLine | None:
    """A spot for people."""
    return CodeLine(short(spot[0]), spot[1], spot[2]) if spot else None


def called_by_driver(*through: str) -> bool:
    """Whether it is a driver that called the kernel function that calls this one's caller.

    Arguments:
        through: kernel functions that may be in between.
    """
    frame = sys._getframe(2).f_back
    while frame is not None and frame.f_code.co_name in through and frame.f_code.co_filename.startswith(_KERNEL):
        frame = frame.f_back
    return frame is not None and is_driver_file(frame.f_code.co_filename)


def calling_line(passing: tuple[str, ...]) -> CodeLine | None:
    """The driver's line that called a kernel function, directly or through these files of the kernel; else None."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_KERNEL):
        file = frame.f_code.co_filename.removeprefix(_KERNEL).replace(os.sep, "/")
        if not file.startswith(("rules/", *passing)) or frame.f_back is None:
            return None
        frame = frame.f_back
    code = frame.f_code
    return CodeLine(short(code.co_filename), frame.f_lineno, code.co_name) if is_driver_file(code.co_filename) else None


def raised_at(error: BaseException) -> CodeLine | None:
    """The innermost line of a driver in an exception's traceback."""
    line = None
    for frame, number in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        if is_driver_file(code.co_filename):
            line = CodeLine(short(code.co_filename), number, code.co_name)
    return line


def function_line(function: Callable[..., Any]) -> CodeLine | None:
    """Where a driver's function begins; None for one of the kernel's, and for what is no plain function."""
    code = getattr(function, "__code__", None)
    if code is None or not is_driver_file(code.co_filename):
        return None
    return CodeLine(short(code.co_filename), code.co_firstlineno, code.co_name)


def driver_lines(error_traceback: TracebackType | None) -> list[tuple[CodeLine, str]]:
    """The lines of a traceback that are a driver's and what stands there, outermost first."""
    found = []
    loop_reached = False
    for frame, line in traceback.walk_tb(error_traceback):
        code = frame.f_code
        loop_reached = loop_reached or code is _LOOP
        if loop_reached and is_driver_file(code.co_filename):
            summary = traceback.FrameSummary(code.co_filename, line, code.co_name)
            found.append((CodeLine(short(code.co_filename), line, code.co_name), summary.line or ""))
    return found


@functools.cache
def short(file: str) -> str:
    """A file as its reader knows it: from the repository on, or from the present directory."""
    path = Path(file)
    for folder in (_ROOT, Path.cwd()):
        if path.is_relative_to(folder):
            return str(path.relative_to(folder))
    return file
