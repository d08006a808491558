"""From the NIC to what it takes of the FPGA and how fast it is."""

from dataclasses import dataclass
from pathlib import Path

from hdl.fpga import tools
from hdl.fpga.shifted import Shifted
from hdl.nic import verilog
from hdl.nic.gmii_nic import GmiiNic

#: Ports that are pins of the FPGA as they are: those on clocks of their own.
PINS = ("gmii", "gtx_clk", "rx_clk")


@dataclass(frozen=True)
class Design:
    """A NIC with its MAC as the tools see it."""

    queues: int
    resources: tools.Resources
    wrapper_registers: int  # registers, and as many LUTs, that only stand for pins
    fmax: tuple[dict[str, float], ...]  # MHz by clock, for each placement; empty if it does not fit


def implement(folder: Path, *, queues: int, seeds: int) -> Design:
    """Synthesise, place and route a NIC with its MAC.

    Arguments:
        folder: for the files of the tools; must exist.
        queues: receive queues, and transmit queues.
        seeds: placements.

    Raises:
        ToolError: a tool is missing or failed.
        ValueError: there is no NIC with so many queues.
    """
    source, top = _write(folder, queues)
    netlist = tools.synthesise(source, top="top")
    try:
        fmax = tuple(tools.place_and_route(netlist, seed=seed) for seed in range(1, seeds + 1))
    except tools.TooLargeError:
        fmax = ()
    return Design(queues, tools.resources(netlist), top.registers, fmax)


def check(folder: Path, *, queues: int) -> str:
    """Only see that a NIC can be synthesised, and where its memories go; returns a line that says so.

    Raises:
        ToolError: a tool is missing or failed.
        ValueError: there is no NIC with so many queues.
    """
    source, _ = _write(folder, queues)
    block_rams, lut_rams = tools.map_memories(source, top="top")
    return f"{queues} queue{'s' * (queues > 1)}: memories in {block_rams} block RAMs and {lut_rams} LUT RAMs"


def _write(folder: Path, queues: int) -> tuple[Path, Shifted]:
    """The Verilog of a NIC that can be placed, and what it is made of."""
    top = Shifted(GmiiNic(queues=queues), PINS)
    source = folder / f"nic{queues}.v"
    source.write_text(verilog.convert(top, "top", form=verilog.Form.SYNTHESIS))
    return source, top
