"""Lines of keys in TOML files, however the file is written."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.sweep.toml_lines import line_of, line_of_error

FILLERS = ["", "# x = 1", "  ", "\t# [t]"]
VALUES = ["1", "[\n1,\n\n# x0 = 3\n2]", '"""\nx0 = 1\n[t]\n"""', "'''a\n\n'''", "{ a = 1 }", "[[1], [\n]]"]
ENTRIES = st.lists(
    st.tuples(st.lists(st.sampled_from(FILLERS), max_size=3), st.sampled_from(VALUES)), min_size=1, max_size=6
)


@given(ENTRIES, st.booleans())
def test_every_key_is_found(entries: list[tuple[list[str], str]], windows: bool) -> None:
    lines = ["[t]"]
    at = []
    for number, (fillers, value) in enumerate(entries):
        lines += fillers
        at.append(len(lines) + 1)
        lines += f"x{number} = {value}".split("\n")
    text = ("\r\n" if windows else "\n").join(lines)
    assert [line_of(text, "t", f"x{number}") for number in range(len(entries))] == at
    assert line_of(text, "t") == 1


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1\n[t]\nb = 2", ("t", "b"), 3),
        ("a = 1\nt.b = 2\n", ("t", "b"), 2),
        ("\nt = { b = 2 }\n", ("t", "b"), 2),
        ("t = 1\nb = 2\n", ("b",), 2),
        ('\n["t"]\n"b" = 2\n', ("t", "b"), 3),
    ],
)
def test_other_ways_to_write_a_key(text: str, path: tuple[str, ...], line: int) -> None:
    assert line_of(text, *path) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = \nc = 3\n", 2), ("a = 1\na = 2\n", 2), ("a = 1\nb = [1,\n", 2), ("a = 1\n\nb = '''", 3), ("=", 1)],
)
def test_where_it_stops_being_toml(text: str, line: int) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    assert line_of_error(text, caught.value) == line
