"""Rewrites Verilog so that each net has one driver.

Icarus joins the drivers of a net's parts bit by bit, with strengths, as if they could be in conflict; that costs more
than the logic before it. So each part that an assignment drives becomes a net of its own, and where these make up a
whole net, a concatenation of them drives it.

It works on the text that Yosys writes, in which an assignment is one line.
"""

import re
from collections import defaultdict
from dataclasses import dataclass

_NET = re.compile(r"  (?:wire|output) (?:\[(?P<high>\d+):0\] )?(?P<name>\S+) ?;")
_ASSIGN = re.compile(r"  assign (?P<targets>\{ .*? \}|\S+(?: ?\[[\d:]+\])?) +?= (?P<value>.*);")
_TARGET = re.compile(r"(?P<name>\\\S+(?: |$)|[^\s,\[]+)(?: ?\[(?P<high>\d+)(?::(?P<low>\d+))?\])?")


@dataclass(frozen=True, order=True)
class _Part:
    """Bits of a net, and the net that is to drive them."""

    low: int
    high: int
    driver: str


def join_parts(verilog: str) -> str:
    """Drive nets as a whole."""
    return "".join(map(_join_module, re.split(r"(?<=\nendmodule\n)", verilog)))


def _join_module(text: str) -> str:
    lines = text.splitlines()
    widths = {match["name"]: int(match["high"] or 0) + 1 for match in map(_NET.fullmatch, lines) if match}
    parts: dict[str, list[_Part]] = defaultdict(list)
    result = []
    for line in lines:
        assign = _ASSIGN.fullmatch(line)
        if assign and ("{" in assign["targets"] or "[" in assign["targets"]):
            result += _split(assign, f"_driver{len(result)}_", widths, parts)
        elif line == "endmodule":
            for name, of_net in parts.items():
                result += _join(name, of_net, widths[name])
            result.append(line)
        else:
            result.append(line)
    return "\n".join([*result, ""]) if result else text


def _split(assign: re.Match[str], driver: str, widths: dict[str, int], parts: dict[str, list[_Part]]) -> list[str]:
    """A net for what an assignment drives; the parts of it are noted."""
    below = 0
    for target in reversed(list(_TARGET.finditer(assign["targets"].strip("{ }")))):
        name = target["name"].strip()
        high = widths[name] - 1 if target["high"] is None else int(target["high"])
        low = int(target["low"] or target["high"] or 0)
        above = below + high - low + 1
        parts[name].append(_Part(low, high, f"{driver}[{above - 1}:{below}]"))
        below = above
    return [f"  wire [{below - 1}:0] {driver} = {assign['value']};"]


def _join(name: str, parts: list[_Part], width: int) -> list[str]:
    """Drive a net."""
    if sum(part.high - part.low + 1 for part in parts) == width:
        return [f"  assign {name}  = {{ {', '.join(part.driver for part in sorted(parts, reverse=True))} }};"]
    return [f"  assign {name} [{part.high}:{part.low}] = {part.driver};" for part in parts]
