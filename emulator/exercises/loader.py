"""Loads a driver from its file, after a look at what it imports; and the check of an exercise."""

from __future__ import annotations

import ast
import importlib.util
import linecache
import sys
import traceback
from pathlib import Path
from types import ModuleType

from driver.kernel.rules.place import short
from emulator.exercises.faults import CheckFailed, Fault
from emulator.exercises.manifest import CHECK, Exercise

#: What a driver may import: the kernel, registers and descriptors, and of Python what only describes data.
MAY_IMPORT = ("driver.kernel", "hdl.nic.regmap", "hdl.nic.layouts")
MAY_IMPORT_OF_PYTHON = {
    "__future__",
    "collections",
    "dataclasses",
    "enum",
    "functools",
    "itertools",
    "struct",
    "typing",
}

_REGISTERED_AS = "napi_hil_exercise"


def load_driver(path: Path) -> ModuleType:
    """Run a driver's file as a module.

    Raises:
        CheckFailed: it cannot be read, is no Python, imports what a driver may not, or raises.
    """
    try:
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source, str(path))
        check_imports(tree, path)
        code = compile(tree, str(path), "exec")
    except OSError as error:
        raise CheckFailed(Fault(headline=f"{path} cannot be read: {error.strerror}")) from None
    except (SyntaxError, ValueError) as error:  # ValueError: a byte that is no UTF-8, or NUL
        raise CheckFailed(_syntax(error, path)) from None
    linecache.checkcache(str(path))
    module = ModuleType(f"{_REGISTERED_AS}_driver")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look there
    try:
        exec(code, module.__dict__)
    except (Exception, SystemExit) as error:
        raise CheckFailed(exception_fault(error, path, "while it is loaded")) from None
    return module


def load_check(exercise: Exercise) -> ModuleType:
    """The module of an exercise's check."""
    name = f"{_REGISTERED_AS}_check_{exercise.number:02}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, exercise.folder / CHECK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def check_imports(tree: ast.AST, path: Path) -> None:
    """See what a driver imports, in functions too.

    Raises:
        CheckFailed: something that a driver may not.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            names = [base] if _allowed(base) else [f"{base}.{alias.name}".lstrip(".") for alias in node.names]
        else:
            continue
        for name in names:
            if not _allowed(name):
                raise CheckFailed(
                    Fault(
                        headline=f"the driver imports {name}",
                        expected=f"imports from {' and '.join(MAY_IMPORT)}, and of Python "
                        + ", ".join(sorted(MAY_IMPORT_OF_PYTHON - {"__future__"})),
                        happened=f"import of {name}",
                        why="A driver has the kernel and its device, and nothing else.",
                        where=f"{short(str(path))}:{node.lineno}",
                        code=linecache.getline(str(path), node.lineno).strip(),
                    )
                )


def _allowed(name: str) -> bool:
    if name.split(".", maxsplit=1)[0] in MAY_IMPORT_OF_PYTHON:
        return True
    if name.startswith("driver.kernel.rules"):  # who checks
        return False
    return any(name == prefix or name.startswith(prefix + ".") for prefix in MAY_IMPORT)


def driver_places(error: BaseException, path: Path) -> list[tuple[str, str]]:
    """The lines of an exception's traceback that are in the driver's file, and what stands there; innermost last."""
    return [
        (f"{short(frame.filename)}:{frame.lineno} in {frame.name}", frame.line or "")
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]


def exception_fault(error: BaseException, path: Path, when: str, time_ns: int | None = None) -> Fault:
    """An exception that the driver raised, as its fault."""
    places = driver_places(error, path)
    where, code = places[-1] if places else ("", "")
    callers = tuple(place for place, _ in reversed(places[:-1]))
    text = " ".join(str(error).split())
    why = ""
    if "can't be used in 'await' expression" in text:
        why = "What is awaited is no coroutine: the function is not async, so call it without await."
    elif "coroutine" in text:
        why = "A coroutine is what a function of the kernel returns when await is missing before its call."
    return Fault(
        headline=f"the driver raised {type(error).__name__}" + (f": {text}" if text else ""),
        happened=f"{type(error).__name__} {when}",
        why=why,
        where=where,
        code=code,
        callers=callers,
        time_ns=time_ns,
    )


def _syntax(error: SyntaxError | ValueError, path: Path) -> Fault:
    if isinstance(error, SyntaxError):
        where = f"{short(str(path))}:{error.lineno}, column {error.offset}"
        text = (error.text or "").rstrip()
        code = text.lstrip()
        under = (error.offset or 0) - 1 - (len(text) - len(code))
        if 0 <= under <= len(code):
            code += f"\n{' ' * under}^"
        return Fault(headline=f"the driver is no Python: {error.msg}", where=where, code=code)
    return Fault(headline=f"the driver is no Python: {error}", where=short(str(path)))


def line_text(file: str, line: int) -> str:
    """What stands in a line of a file."""
    return linecache.getline(file, line).strip()
