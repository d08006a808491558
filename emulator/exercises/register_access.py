"""An access of the driver to a register, as checks look at it and reports show it."""

from __future__ import annotations

from typing import NamedTuple

from hdl.nic.regmap import MAX_QUEUES, REGISTERS

_NAMES = {
    register.at(index): register.__name__ + (f"[{index}]" if register.count > 1 else "")
    for register in REGISTERS
    for index in range(register.count)
} | {
    register.at_queue(queue): f"{register.__name__}({queue})"
    for register in REGISTERS
    if register.queue_offset is not None
    for queue in range(MAX_QUEUES)
}


class RegisterAccess(NamedTuple):
    """An access; a string is a line for people.

    Attributes:
        time_ns: of a read when it is back, of a write when it leaves the CPU.
        nic: number of the NIC.
        offset: of the register.
        value: read or written.
        write: or read.
    """

    time_ns: int
    nic: int
    offset: int
    value: int
    write: bool

    def __str__(self) -> str:
        name = _NAMES.get(self.offset, f"{self.offset:#07x}")
        return f"{self.time_ns:>12,} ns  {'write' if self.write else 'read '}  {name:8} {self.value:#010x}"
