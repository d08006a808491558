"""From the NIC to what it takes of the FPGA and how fast it is."""

from dataclasses import dataclass, replace
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
    fmax: tuple[dict[str, float], ...]  # MHz by clock, for each placement
    fits: bool = True  # as far as it was tried


def implement(folder: Path, *, queues: int, seeds: int) -> Design:
    """Synthesise, place and route a NIC with its MAC.

    Arguments:
        folder: for the files of the tools; must exist.
        queues: receive queues, and transmit queues.
        seeds: placements; 0 for synthesis only.

    Raises:
        ToolError: a tool is missing or failed.
        ValueError: there is no NIC with so many queues.
    """
    top = Shifted(GmiiNic(queues=queues), PINS)
    source = folder / f"nic{queues}.v"
    source.write_text(verilog.convert(top, "top", form=verilog.Form.SYNTHESIS))
    netlist = tools.synthesise(source, top="top")
    design = Design(queues, tools.resources(netlist), top.registers, ())
    try:
        fmax = tuple(tools.place_and_route(netlist, seed=seed) for seed in range(1, seeds + 1))
    except tools.TooLargeError:
        return replace(design, fits=False)
    return replace(design, fmax=fmax)
