"""Amaranth's Verilog, rewritten for Icarus: the same design, right at time 0 and several times as fast.

Right: yosys writes combinational logic as ``always @*``, which waits for the first change of an input. Where inputs have
their final value from the start, that never comes, and the outputs stay X. Against this yosys adds a dummy input with an
initial value, but Icarus gives it that value before it starts any process. Here it gets it once they all wait.

Fast: yosys writes a process for each register, and Icarus runs each at each edge, whether or not anything moves. Here
the registers of a module share one process, which skips edges at which none of them changes. Icarus evaluates the
comparison behind that only when an operand changes. It is ``!==``, so that an X moves as it did.
"""

import re

_DUMMY = re.compile(r"^  reg (?P<name>\\\$auto\$verilog_backend\S+ ) = 0;$", re.MULTILINE)
_MODULE = re.compile(r"^module .*?^endmodule$", re.MULTILINE | re.DOTALL)
_REGISTER = re.compile(r"^  always @\(posedge clk\)\n    (?P<target>[^\n]+?) <= (?P<value>[^\n]+);\n", re.MULTILINE)

#: A name that no Amaranth design has: yosys escapes what has a dollar sign.
_MOVES = "\\$moves "


def rewrite(verilog: str) -> str:
    """The same design for Icarus, given the output of ``amaranth.back.verilog``.

    Raises:
        ValueError: the text is not as yosys wrote it when this was made.
    """
    return _MODULE.sub(lambda module: _share_process(_trigger_at_start(module[0])), verilog)


def _trigger_at_start(module: str) -> str:
    text, dummies = _DUMMY.subn(r"  reg \g<name>;\n  initial \g<name> <= 0;", module)
    if not dummies and "  always @*" in module:
        raise ValueError(
            "a module with always @* has no dummy input: yosys writes something new, see icarus_verilog.py"
        )
    return text


def _share_process(module: str) -> str:
    registers = [(match["target"], match["value"]) for match in _REGISTER.finditer(module)]
    if not registers:
        return module
    moves = " ||\n      ".join(f"({target} !== {value})" for target, value in registers)
    updates = "".join(f"      {target} <= {value};\n" for target, value in registers)
    process = f"  wire {_MOVES}= {moves};\n  always @(posedge clk)\n    if ({_MOVES}) begin\n{updates}    end\n"
    return _REGISTER.sub("", module).removesuffix("endmodule") + process + "endmodule"
