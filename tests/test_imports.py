"""The import directions of docs/architecture.md, and that register offsets stand in regmap.py only.

Read from the sources with `ast` and `tokenize`: an import within a function or under TYPE_CHECKING counts like any
other.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from hdl.nic.regmap import CRCERRS, ICR, REGISTERS

ROOT = Path(__file__).parents[1]
TREES = ("hdl", "driver", "emulator", "cocotb_tests", "tests", "exercises")

#: What each part may import besides the standard library: the first prefix that a module has counts.
MAY_IMPORT: dict[str, tuple[str, ...] | None] = {
    "hdl.nic.regmap": (),
    "hdl.nic.eeprom_words": (),
    "hdl.nic.phy_registers": (),
    "hdl.nic.layouts": ("amaranth",),
    "hdl.nic": ("amaranth", "hdl.nic"),
    "hdl": ("amaranth", "hdl"),
    "driver.kernel": ("driver.kernel",),
    "driver.apps": ("driver.kernel", "driver.apps"),
    "driver.e1000": (
        "driver.kernel",
        "driver.e1000",
        "hdl.nic.regmap",
        "hdl.nic.layouts",
        "hdl.nic.eeprom_words",
        "hdl.nic.phy_registers",
    ),
    "driver": (),
    "emulator": None,  # anything but the tests
    "cocotb_tests": None,
    "tests": None,
    "exercises": None,
}
MAY_IMPORT_TESTS = ("cocotb_tests", "tests", "exercises")

#: Offsets, but for those too small to be told from other numbers.
OFFSETS = {offset for register in REGISTERS for offset in register.offsets() if offset >= ICR.offset}

#: A power of two is an offset only if it is written with as many digits as the register map has it with.
OFFSET_DIGITS = 5

OFFSETS_MAY_STAND_IN = ("hdl/nic/regmap.py", "tests/test_regmap.py")


def has_prefix(module: str, prefix: str) -> bool:
    return module == prefix or module.startswith(prefix + ".")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources() -> list[Path]:
    return sorted(path for tree in TREES for path in (ROOT / tree).rglob("*.py"))


def imports(source: str, module: str, *, is_package: bool = False) -> Iterator[tuple[int, str]]:
    """Line and full name of each module, or name in a module, that a source imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".") if is_package else module.split(".")[:-1]
                base = ".".join([*package[: len(package) - node.level + 1], *([base] if base else [])])
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def forbidden(module: str, imported: str) -> bool:
    """Whether a module must not import this."""
    top = imported.split(".", maxsplit=1)[0]
    if top in sys.stdlib_module_names:
        return False
    if top in {"tests", "cocotb_tests", "exercises"} and not module.startswith(MAY_IMPORT_TESTS):
        return True
    allowed = next(allowed for part, allowed in MAY_IMPORT.items() if has_prefix(module, part))
    return allowed is not None and not any(has_prefix(imported, prefix) for prefix in allowed)


def is_offset(digits: str) -> bool:
    """Whether a hexadecimal number looks like a register's offset."""
    value = int(digits.replace("_", ""), 16)
    return value in OFFSETS and (value.bit_count() > 1 or len(digits) >= OFFSET_DIGITS)


def offset_literals(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each hexadecimal number in a Python source that is a register's offset."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NUMBER and token.string.lower().startswith("0x") and is_offset(token.string[2:]):
            yield token.start[0], token.string


def verilog_offset_literals(source: str) -> Iterator[tuple[int, str]]:
    """The same of a Verilog source."""
    for number, line in enumerate(source.splitlines(), 1):
        for match in re.finditer(r"'h\s*([0-9a-fA-F_]+)", line.split("//")[0]):
            if is_offset(match[1]):
                yield number, match[0]


def report(found: Iterable[tuple[Path, int, str]]) -> list[str]:
    return [f"{path.relative_to(ROOT)}:{line}: {text}" for path, line, text in found]


def test_imports_go_one_way() -> None:
    found = [
        (path, line, imported)
        for path in sources()
        for line, imported in imports(path.read_text("utf-8"), module_name(path), is_package=path.name == "__init__.py")
        if forbidden(module_name(path), imported)
    ]
    assert not found, report(found)


def test_offsets_stand_in_the_register_map_only() -> None:
    files = [path for path in sources() if str(path.relative_to(ROOT)) not in OFFSETS_MAY_STAND_IN]
    found = [(path, line, text) for path in files for line, text in offset_literals(path.read_text("utf-8"))]
    for path in sorted((ROOT / "hdl").rglob("*.v")):
        found += [(path, line, text) for line, text in verilog_offset_literals(path.read_text("utf-8"))]
    assert not found, report(found)


@pytest.mark.parametrize(
    ("module", "statement"),
    [
        ("driver.kernel.net.napi", "import cocotb"),
        ("driver.kernel.net.napi", "from hdl.nic import regmap"),
        ("driver.kernel.net.napi", "from amaranth.lib import data"),
        ("driver.kernel.net.napi", "from driver import e1000"),
        ("driver.kernel.net.napi", "from ...e1000 import main"),
        ("driver.kernel.net.napi", "def late():\n    import emulator.cli"),
        ("driver.e1000.main", "from hdl.nic import nic"),
        ("driver.e1000.main", "import emulator"),
        ("hdl.nic.nic", "from driver.kernel import costs"),
        ("hdl.nic.nic", "from hdl.harness import board"),
        ("hdl.harness.board", "import emulator.engines.base"),
        ("hdl.harness.board", "import cocotb"),
        ("hdl.nic.regmap", "import amaranth"),
        ("hdl.nic.phy_registers", "import amaranth"),
        ("emulator.cli", "from tests import capture_files"),
    ],
)
def test_a_wrong_import_is_found(module: str, statement: str) -> None:
    assert any(forbidden(module, imported) for _, imported in imports(statement, module))


@pytest.mark.parametrize(
    ("module", "statement"),
    [
        ("driver.kernel.net.napi", "from driver.kernel import costs\nfrom . import cpu\nimport asyncio"),
        ("driver.e1000.main", "from hdl.nic import layouts, regmap\nfrom hdl.nic.regmap import RCTL"),
        ("hdl.nic.nic", "from amaranth.hdl import Module\nfrom hdl.nic import regmap"),
        ("hdl.harness.board", "from hdl.nic.nic import Nic"),
        ("emulator.run", "import rich\nfrom driver.kernel import machine\nfrom hdl.nic.layouts import RxDescriptor"),
        ("tests.engines.board", "import emulator.engines.model"),
    ],
)
def test_a_right_import_is_not(module: str, statement: str) -> None:
    assert not any(forbidden(module, imported) for _, imported in imports(statement, module))


def test_an_offset_is_found() -> None:
    offset = max(OFFSETS)
    round_offset = f"{CRCERRS.offset:#07x}"
    assert list(offset_literals(f"a, b = {CRCERRS.offset:#x}, {round_offset}")) == [(1, round_offset)]
    assert list(offset_literals(f"x = 5\ny = {offset:#07x}  # there\n")) == [(2, f"{offset:#07x}")]
    assert list(offset_literals(f"x = {offset + 1:#x}  # {offset:#x} in a comment\n")) == []
    assert list(verilog_offset_literals(f"reg a;\nif (addr == 17'h{offset:05x})")) == [(2, f"'h{offset:05x}")]
