"""The line of a TOML file on which a key stands, for error messages; tomllib does not say."""

from __future__ import annotations

import re
import tomllib


def line_of(text: str, *path: str) -> int:
    """The line, from 1, on which a table or a key begins.

    The first lines of a TOML file are TOML themselves, unless they end within a value. So the key begins behind the
    longest beginning that is TOML and does not have it yet.

    Arguments:
        text: a whole TOML file.
        path: names of the tables and the key, outermost first; something that is in the file.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    begin = 0
    for end in range(1, len(lines)):
        try:
            table = tomllib.loads("\n".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue
        if _has(table, path):
            break
        begin = end
    return begin + 1


def line_of_error(text: str, error: tomllib.TOMLDecodeError) -> int:
    """The line, from 1, on which a text stops being TOML."""
    match = re.search(r"\(at line (\d+), column \d+\)", str(error))
    return int(match[1]) if match else len(text.splitlines()) or 1


def _has(table: object, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(table, dict) or name not in table:
            return False
        table = table[name]
    return True
