"""Values of settings as text: whole numbers, words, and sets of CPUs as Linux writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol


class Values(Protocol):
    """What a setting takes."""

    def parse(self, text: str) -> object:
        """The value that a text stands for.

        Raises:
            ValueError: none; says what is allowed.
        """

    def show(self, value: object) -> str:
        """The text of a value."""


class Whole:
    """Whole numbers from ``low`` to ``high``."""

    def __init__(self, low: int, high: int) -> None:
        self._low = low
        self._high = high

    def parse(self, text: str) -> int:
        """Decimal, or hexadecimal with 0x, as kstrtol."""
        if not re.fullmatch(r"-?(\d+|0[xX][0-9a-fA-F]+)", text):
            raise ValueError(f"not a whole number; allowed are {self._low} to {self._high}")
        value = int(text, 16) if "x" in text.lower() else int(text)
        if not self._low <= value <= self._high:
            raise ValueError(f"out of range; allowed are {self._low} to {self._high}")
        return value

    def show(self, value: object) -> str:
        """Decimal."""
        return str(value)


class Choice:
    """Words, each for a value; a value's decimal is its word too."""

    def __init__(self, words: Mapping[str, object]) -> None:
        self._words = words

    def parse(self, text: str) -> object:
        """One of the words."""
        by_text = {str(value): value for value in self._words.values()} | dict(self._words)
        if text not in by_text:
            raise ValueError(f"unknown; allowed: {', '.join(self._words)}")
        return by_text[text]

    def show(self, value: object) -> str:
        """The word; the value itself if it has none, as the state of `threaded` that only netlink can set."""
        return next((word for word, known in self._words.items() if known == value), str(value))


class CpuMask:
    """A set of CPUs as a hexadecimal bit mask, 32 bits between commas (lib/bitmap.c, bitmap_parse)."""

    def parse(self, text: str) -> int:
        """The mask."""
        if not re.fullmatch(r"[0-9a-fA-F]{1,8}(,[0-9a-fA-F]{1,8})*", text.removeprefix("0x")):
            raise ValueError("not a CPU mask; write hexadecimal digits such as 3 for CPUs 0 and 1")
        mask = 0
        for chunk in text.removeprefix("0x").split(","):
            mask = mask << 32 | int(chunk, 16)
        return mask

    def show(self, value: object) -> str:
        """Hexadecimal."""
        assert isinstance(value, int)
        chunks = [value >> shift & 0xFFFFFFFF for shift in range(0, max(value.bit_length(), 1), 32)]
        return ",".join([f"{chunks[-1]:x}", *(f"{chunk:08x}" for chunk in reversed(chunks[:-1]))])


class CpuList:
    """A set of CPUs as numbers and ranges such as 0-2,5."""

    def parse(self, text: str) -> int:
        """The bit mask."""
        mask = 0
        for part in text.split(","):
            match = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", part)
            if not match or int(match[2] or match[1]) < int(match[1]):
                raise ValueError("not a list of CPUs; write numbers and ranges such as 0-2,5")
            for cpu in range(int(match[1]), int(match[2] or match[1]) + 1):
                mask |= 1 << cpu
        return mask

    def show(self, value: object) -> str:
        """Numbers and ranges."""
        assert isinstance(value, int)
        runs = [match.span() for match in re.finditer("1+", f"{value:b}"[::-1])]
        return ",".join(str(first) if end - first == 1 else f"{first}-{end - 1}" for first, end in runs)
