"""Makes Verilog say when nothing is about to change, so that a compiled simulator can skip clock edges.

Such a simulator evaluates the whole design at every edge. Here each module gets a wire ``_busy_``, which is low only if
no register in it and in the modules below it changes at the next rising edge, provided that no input changes before.
It is made of the conditions under which registers load, and of a comparison with what they will be: the stages of a
pipeline load as long as nothing holds them up, and what clears a register may stay high. Memories are only asked
whether they are written, so it may be high too often.

It works on the text that Yosys writes after ``opt_dff``, in which clocked processes have these forms and no other:

    always @(posedge clk)                             always @(posedge clk) begin
      register <= value;                                if (enable) ...
    always @(posedge clk)                             end
      if (condition) register <= value;
      else if (condition) register <= value;

and ``register <= memory[address];`` in the place of ``if (enable)``.
"""

import itertools
import re

_EDGE = "  always @(posedge clk)"
MODULE = re.compile(r"^module (?P<name>\S+?) ?\(", re.MULTILINE)
INSTANCE = re.compile(r"^  (?P<module>\S+) +(?P<name>\w+|\\\S+ ) \($", re.MULTILINE)
_LOAD = re.compile(r"    (?:else )?(?:if \((?P<condition>.*?)\) )?(?P<register>(?!if\b)\S+) +<= (?P<value>.*);")
_ENABLE = re.compile(r"    if \((?P<enable>.*)\)( begin)?")

#: For a module without registers.
_NEVER = "1'h0"

#: Who drives the reset evaluates every edge meanwhile.
_RESET = "rst"


def show_busy(verilog: str) -> str:
    """Give each module its wire ``_busy_``.

    Raises:
        ValueError: a process on ``clk`` has a form that is not known here.
    """
    lines = verilog.splitlines()
    modules = {match["name"] for match in MODULE.finditer(verilog)}
    result: list[str] = []
    here: list[str] = []
    inside: list[str] = []
    for number, line in enumerate(lines):
        if line == "endmodule":
            result.append(f"  wire _busy_here_ = {' | '.join(here) or _NEVER};")
            result.append(f"  wire _busy_ = {' | '.join(['_busy_here_', *inside])};")
            here, inside = [], []
        elif (instance := INSTANCE.fullmatch(line)) and instance["module"] in modules:
            inside.append(f"{instance['name']}._busy_")
        elif line == f"{_EDGE} begin":
            here += _enables(lines[number + 1 :])
        elif line == _EDGE:
            here += _loads(lines[number + 1 :])
        result.append(line)
    return "\n".join(result) + "\n"


def _enables(lines: list[str]) -> list[str]:
    """What makes a process with memories or assertions in it do something; it ends at the line ``  end``."""
    body = lines[: lines.index("  end")]
    enables = [
        f"({_match(_ENABLE, line)['enable']})"
        for line, following in itertools.pairwise([*body, ""])
        if line.startswith("    if") and not following.startswith("      assert ")  # which changes nothing
    ]
    loads = [match for line in body if (match := _LOAD.fullmatch(line)) and not match["condition"]]
    return enables + [f"({load['register']}  != {load['value']})" for load in loads]


def _loads(lines: list[str]) -> list[str]:
    """When the register of a process may change."""
    terms = []
    before = []  # the condition of the first line, if the second is its else
    for line in lines[:1] + [line for line in lines[1:2] if line.startswith("    else ")]:
        condition, register, value = _match(_LOAD, line).group("condition", "register", "value")
        if condition == _RESET:
            continue
        factors = [*before, *([condition] if condition else []), f"{register}  != {value}"]
        before = [f"!({condition})"]
        terms.append(" & ".join(f"({factor})" for factor in factors))
    return [f"({term})" for term in terms]


def _match(pattern: re.Pattern[str], line: str) -> re.Match[str]:
    match = pattern.fullmatch(line)
    if not match:
        raise ValueError(f"this process on clk has a form that {__name__} does not know: {line.strip()}")
    return match
