"""Access to one 512-bit word of the board's memories through its cocotb handle; about 10 us of wall time each."""

from __future__ import annotations

from typing import Any, TypeAlias

from cocotb.handle import Immediate

from emulator.engines.board_wire import WORD_BYTES

#: A cocotb handle. What is below one is known only in the simulator, so static types end here.
Handle: TypeAlias = Any

WORD_BITS = 8 * WORD_BYTES


def read_word(handle: Handle) -> int:
    """The word as an integer; byte 0 is in bits 7 to 0."""
    value: int = handle.value.to_unsigned()
    return value


def write_word(handle: Handle, value: int) -> None:
    """Write the word; it is there at once.

    cocotb hands small integers to the simulator as 32-bit ones, and Icarus 11 dies of these on two-state arrays.
    """
    handle.set(Immediate(value if value >> 32 else f"{value:0{WORD_BITS}b}"))
