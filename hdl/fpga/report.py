"""docs/fpga.md, written by the tool that measured it."""

from collections.abc import Sequence

from hdl.fpga.flow import Design
from hdl.fpga.tools import DEVICE_NAME, TARGET_MHZ, versions

_TEXT = """\
# The NIC in an FPGA

Written by `make fpga`: do not edit. The NIC with its GMII MAC, 64 bits wide, a receive FIFO of 16 KiB, in an {device},
slowest speed grade. {tools}.

The NIC has more ports than the package has pins: all but those of the GMII go through shift registers
(`hdl/fpga/shifted.py`), so that every path starts and ends at a register. They are in the numbers: {wrapper}
registers, and up to as many LUTs, of the first row. LUTs are those of logic and carry chains; a LUT RAM has 16 words
of 4 bits.

| queues | LUTs | registers | block RAMs | LUT RAMs | NIC clock | transmit clock | receive clock |
|---|---|---|---|---|---|---|---|
{rows}

Clocks are in MHz, the lowest and the highest of the placements that were tried; all are asked for {target} MHz.
{verdict}
"""

#: Clocks of the design in the order of the table.
_CLOCKS = ("clk", "gtx_clk", "rx_clk")


def line(design: Design) -> str:
    """A design in one line."""
    found = design.resources
    if design.fmax:
        clocks = ", ".join(f"{clock} {_range(design, clock)} MHz" for clock in _CLOCKS)
    else:
        clocks = f"does not fit into {DEVICE_NAME}"
    return (
        f"{design.queues} queues: {found.luts} LUTs, {found.registers} registers, {found.block_rams} block RAMs, "
        f"{found.lut_rams} LUT RAMs; {clocks}"
    )


def document(designs: Sequence[Design]) -> str:
    """The whole document."""
    tools = ", ".join(f"{package} {version}" for package, version in versions().items())
    return _TEXT.format(
        device=DEVICE_NAME,
        tools=f"Tools: {tools}",
        wrapper=designs[0].wrapper_registers,
        rows="\n".join(map(_row, designs)),
        target=TARGET_MHZ,
        verdict=_verdict(designs[0]),
    )


def _row(design: Design) -> str:
    found = design.resources
    counts = (found.luts, found.registers, found.block_rams, found.lut_rams)
    cells = [design.queues, *(f"{count:,}" for count in counts), *(_range(design, clock) for clock in _CLOCKS)]
    return f"| {' | '.join(map(str, cells))} |"


def _range(design: Design, clock: str) -> str:
    """Lowest and highest frequency of a clock."""
    found = sorted(placement[clock] for placement in design.fmax if clock in placement)
    if not found:
        return "does not fit"
    return f"{found[0]:.0f}" if len(found) == 1 else f"{found[0]:.0f} to {found[-1]:.0f}"


def _verdict(design: Design) -> str:
    """Whether the first design is fast enough, and by how much."""
    if not design.fmax:
        return f"With {design.queues} queues it does not fit."
    margin = min(min(placement.values()) for placement in design.fmax) / TARGET_MHZ - 1
    reached = "meets that in all placements" if margin >= 0 else "does not meet that in every placement yet"
    return f"With {design.queues} queue{'s' * (design.queues > 1)} the NIC {reached}: the margin is {margin:+.0%}."
