"""Where in a driver, and in what context, the present code runs."""

from __future__ import annotations

import sys
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


def function_line(function: Callable[..., Any]) -> CodeLine | None:
    """Where a driver's function begins; None for one of the kernel's."""
    code = function.__code__
    if code.co_filename.startswith(_KERNEL):
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


def _short(file: str) -> str:
    """A file as its reader knows it: below the present directory if it is there."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
