"""Renders docs/registers.md from regmap.py: ``python -m hdl.nic.regmap_doc``."""

from collections.abc import Iterator
from pathlib import Path

from hdl.nic import regmap
from hdl.nic.regmap import ICR, Access, Field, Register

#: The document.
PATH = Path(__file__).parents[2] / "docs" / "registers.md"

_HEADER = """\
# Registers

Rendered from `hdl/nic/regmap.py` by `python -m hdl.nic.regmap_doc`; do not edit.

Names, offsets, bits and reset values are those of the Intel 8254x Software Developer's Manual, chapter 13, for the part
of it that is there. Offsets are bytes from the start of the 128 KiB BAR. Where there is no register, reads return zero
and writes are swallowed. So it is in the RTL with the registers that only the `model` engine has so far. How queues
start, stop and reset is told in `hdl/nic/rx_dma.py`, `hdl/nic/rx_queue.py` and `hdl/nic/tx_queue.py`. A NIC with
several queues (a parameter) has registers of the 82576 besides.
"""

_ACCESS = {
    Access.READ_WRITE: "read and write",
    Access.READ_ONLY: "read only; writes are swallowed",
    Access.WRITE_ONLY: "write only; reads as zero",
    Access.READ_CLEARS: "a read returns the value and clears it; writes are swallowed",
    Access.CAUSE: "a read returns the value and clears it; a write clears the bits written as one",
    Access.SET_BITS: "a write sets the bits written as one; a read returns what is set",
    Access.CLEAR_BITS: "a write clears the bits written as one in the mask; reads as zero",
    Access.ZERO: "reads as zero; writes are swallowed: the feature is left out",
}


def render() -> str:
    """The document's text."""
    return "\n".join([_HEADER, *_overview(), *(line for register in regmap.REGISTERS for line in _section(register))])


def _overview() -> Iterator[str]:
    yield "| offset | register | access | reset | what |"
    yield "|---|---|---|---|---|"
    for register in regmap.REGISTERS:
        name = register.__name__ if register.count == 1 else f"{register.__name__}[{register.count}]"
        yield (
            f"| `{register.offset:#07x}` | [{name}](#{register.__name__.lower()}) | {register.access.value} "
            f"| `{register.reset:#010x}` | {register.summary()}{'' if register.rtl else ' (`model` engine only)'} |"
        )
    yield ""


def _section(register: type[Register]) -> Iterator[str]:
    yield f"## {register.__name__}"
    yield ""
    yield register.summary()
    where = f"Offset `{register.offset:#07x}`"
    if register.count > 1:
        where += f", {register.count} registers `{register.stride:#x}` apart"
    yield f"{where}; {_ACCESS[register.access]}."
    if register.multiqueue:
        yield "Only a NIC with several queues has it."
    if register.queue_offset is not None:
        yield (
            f"With several queues each has one: queue n's is at `{register.queue_offset:#07x}` + n * "
            f"`{regmap.QUEUE_STRIDE:#x}`"
            + (
                "."
                if register.offset == register.queue_offset
                else f", and queue 0's at `{register.offset:#07x}` as well."
            )
        )
    if register.first_reset:
        yield f"In queue 0 `{register.first_reset:#010x}` is set after reset."
    if not register.rtl:
        yield "Only the `model` engine has it so far; in the RTL it reads as zero and swallows writes."
    yield ""
    if register.access is Access.ZERO:
        return
    if not register.fields:
        yield f"Bits as in [{ICR.__name__}](#icr)."
        yield ""
        return
    yield "| bits | field | reset | what |"
    yield "|---|---|---|---|"
    for field in sorted(register.fields.values(), key=lambda field: field.lsb):
        several = "with several queues: " if field.multiqueue else ""
        what = f"{several}{field.doc}{_words(field)}{_read_only(register, field)}"
        yield f"| {_bits(field)} | {field.name} | {field.reset} | {what} |"
    yield ""


def _bits(field: Field) -> str:
    return str(field.lsb) if field.width == 1 else f"{field.lsb + field.width - 1}:{field.lsb}"


def _read_only(register: type[Register], field: Field) -> str:
    return "; read only" if register.access is Access.READ_WRITE and not field & register.writable else ""


def _words(field: Field) -> str:
    if not field.words:
        return ""
    return ": " + ", ".join(f"{value} = {word}" for value, word in sorted(field.words.items()))


if __name__ == "__main__":
    PATH.write_text(render())
