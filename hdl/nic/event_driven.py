"""Rewrites Verilog so that registers that do not change cost an event-driven simulator nothing.

Such a simulator runs every clocked process at every edge, also where the registers take the value that they have; for
a NIC that waits for the next frame that is nearly all of its work. So the clocked processes of a module are joined into
one, which runs only if a register is about to change or a memory or an assertion is enabled. A combinational ``!==``
per register, evaluated only when one of its sides changes, says so. The behaviour is exactly the same.

It works on the text that Yosys writes, in which processes have these forms and no other:

    always @(posedge clk)               always @(posedge clk) begin     always @(posedge clk) begin
      register <= value;                  if (enable) ...                 register <= memory[address];
                                        end                             end
"""

import re

_EDGE = "  always @(posedge clk)"
_REGISTER = re.compile(r"    (?P<register>(?!if\b)\S.*?) <= (?P<value>.*);")
_ENABLE = re.compile(r"    if \((?P<enable>.*)\)( begin)?")


def sleep_when_idle(verilog: str) -> str:
    """Join the clocked processes of each module.

    Raises:
        ValueError: a process on ``clk`` has a form that is not known here.
    """
    lines = iter(verilog.splitlines())
    result: list[str] = []
    conditions: list[str] = []
    body: list[str] = []
    for line in lines:
        if line == _EDGE:
            statement = next(lines)
            conditions.append(_changes(statement))
            body.append(f"  {statement}")
        elif line == f"{_EDGE} begin":
            while (statement := next(lines)) != "  end":
                if statement.startswith("    if"):
                    conditions.append(_match(_ENABLE, statement)["enable"])
                elif _REGISTER.fullmatch(statement):
                    conditions.append(_changes(statement))
                body.append(f"  {statement}")
        elif line == "endmodule":
            result += [*_process(conditions, body), line]
            conditions, body = [], []
        else:
            result.append(line)
    return "\n".join(result) + "\n"


def _changes(statement: str) -> str:
    """The condition under which an assignment changes its register."""
    register = _match(_REGISTER, statement)
    return f"{register['register']} !== {register['value']}"


def _match(pattern: re.Pattern[str], statement: str) -> re.Match[str]:
    match = pattern.fullmatch(statement)
    if not match:
        raise ValueError(f"this process on clk has a form that {__name__} does not know: {statement.strip()}")
    return match


def _process(conditions: list[str], body: list[str]) -> list[str]:
    """The lines of the joint process."""
    if not body:
        return []
    wires = [f"  wire _due{number}_ = {condition};" for number, condition in enumerate(conditions)]
    names = ", ".join(f"_due{number}_" for number in range(len(conditions)))
    return [*wires, f"  wire _due_ = |{{ {names} }};", f"{_EDGE}", "    if (_due_) begin", *body, "    end"]
