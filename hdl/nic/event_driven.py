"""Rewrites Verilog so that registers that do not change cost an event-driven simulator nothing.

Such a simulator runs every clocked process at every edge, also where the registers take the value that they have; for
a NIC that waits for the next frame that is nearly all of its work. So the clocked processes of a module are joined into
one, which runs only if a register is about to change, a memory is enabled or an assertion is about to fail. A
combinational ``!==`` per register, evaluated only when one of its sides changes, says so. And a module gates the clock
of those inside it: ``_clk_`` rises only at edges where something in them is due, so that one process looks for all of
them. The behaviour is exactly the same.

It works on the text that Yosys writes, in which processes have these forms and no other:

    always @(posedge clk)               always @(posedge clk) begin     always @(posedge clk) begin
      register <= value;                  if (enable) ...                 register <= memory[address];
                                        end                             end
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_EDGE = "  always @(posedge clk)"
_MODULE = re.compile(r"module (?P<name>\S+?) ?\(.*")
_INSTANCE = re.compile(r"  (?P<module>\S+) +(?P<name>\w+|\\\S+ ) \(")
_INSTANCE_END = "  );"
_ASSERTION = re.compile(r"      assert \((?P<holds>.*)\);")
_CLOCK_PORT = ".clk(clk)"
_REGISTER = re.compile(r"    (?P<register>(?!if\b)\S.*?) <= (?P<value>.*);")
_ENABLE = re.compile(r"    if \((?P<enable>.*)\)( begin)?")


@dataclass
class _Found:
    """What a module has that follows the clock."""

    conditions: list[str] = field(default_factory=list)  #: under which the joint process does something
    body: list[str] = field(default_factory=list)  #: of the joint process
    inside: list[str] = field(default_factory=list)  #: modules' instances


def sleep_when_idle(verilog: str) -> str:
    """Join the clocked processes of each module, and gate the clock of the modules inside it.

    Raises:
        ValueError: a process on ``clk`` has a form that is not known here.
    """
    text = verilog.splitlines()
    modules = {match["name"] for match in map(_MODULE.fullmatch, text) if match}
    lines = iter(text)
    result: list[str] = []
    found = _Found()
    for line in lines:
        instance = _INSTANCE.fullmatch(line)
        if line == _EDGE:
            statement = next(lines)
            found.conditions.append(_changes(statement))
            found.body.append(f"      if (_due{len(found.conditions) - 1}_) {statement.strip()}")
        elif line == f"{_EDGE} begin":
            _take_block(lines, found)
        elif instance and instance["module"] in modules:
            result += [line, *_connections(lines, instance["name"], found)]
        elif line == "endmodule":
            result += [*_due(found), *_gate(found), *_process(found), line]
            found = _Found()
        else:
            result.append(line)
    return "\n".join(result) + "\n"


def _take_block(lines: Iterator[str], found: _Found) -> None:
    """A process up to its ``end``: memories, assertions, and registers that follow a memory."""
    while (statement := next(lines)) != "  end":
        if statement.startswith("    if"):
            found.conditions.append(_match(_ENABLE, statement)["enable"])
        elif assertion := _ASSERTION.fullmatch(statement):
            found.conditions[-1] = f"({found.conditions[-1]}) & ({assertion['holds']}) !== 1'b1"
        elif _REGISTER.fullmatch(statement):
            found.conditions.append(_changes(statement))
        found.body.append(f"  {statement}")


def _connections(lines: Iterator[str], name: str, found: _Found) -> list[str]:
    """An instance's ports, its clock gated."""
    result = []
    line = ""
    while line != _INSTANCE_END:
        line = next(lines)
        if _CLOCK_PORT in line:
            found.inside.append(name)
            line = line.replace(_CLOCK_PORT, ".clk(_clk_)")
        result.append(line)
    return result


def _changes(statement: str) -> str:
    """The condition under which an assignment changes its register."""
    register = _match(_REGISTER, statement)
    return f"{register['register']} !== {register['value']}"


def _match(pattern: re.Pattern[str], statement: str) -> re.Match[str]:
    match = pattern.fullmatch(statement)
    if not match:
        raise ValueError(f"this process on clk has a form that {__name__} does not know: {statement.strip()}")
    return match


def _due(found: _Found) -> list[str]:
    """Wires that say what is due: here, inside, and in all."""
    wires = [f"  wire _due{number}_ = {condition};" for number, condition in enumerate(found.conditions)]
    here = [f"_due{number}_" for number in range(len(found.conditions))]
    inside = [f"{name}._due_" for name in found.inside]
    return [
        *wires,
        f"  wire _due_here_ = {_any(here)};",
        f"  wire _due_inside_ = {_any(inside)};",
        "  wire _due_ = _due_here_ | _due_inside_;",
    ]


def _any(terms: list[str]) -> str:
    return f"|{{ {', '.join(terms)} }}" if terms else "1'b0"


def _gate(found: _Found) -> list[str]:
    """The clock of the modules inside."""
    if not found.inside:
        return []
    return [
        "  reg _clk_ = 1'b0;",
        f"{_EDGE}",
        "    if (_due_inside_) begin",
        "      _clk_ = 1'b1;",
        "      @(negedge clk) _clk_ = 1'b0;",
        "    end",
    ]


def _process(found: _Found) -> list[str]:
    """The joint process."""
    if not found.body:
        return []
    return [f"{_EDGE}", "    if (_due_here_) begin", *found.body, "    end"]
