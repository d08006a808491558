"""Gates the clocks of the NIC's modules, so that a compiled simulator evaluates those only that are busy.

Such a simulator evaluates all logic that a clock drives at each of its edges. Here a module's registers, and those of
all modules inside it from a depth on, get a clock of their own, which rises only if ``_busy_`` of compiled.py was high
when the clock fell. So nothing from outside may change in the phase when the clock is low; a board's registers change
when it rises.

It works on what compiled.py writes.
"""

import re
from collections.abc import Mapping

from hdl.nic.compiled import INSTANCE, MODULE

#: How far below the top modules share a clock with those inside them. Each clock costs something at every edge.
_DEPTH = 2

_EDGE = "@(posedge clk)"
_RESET_PORT = "  input rst;"
_CLOCK_PORT = ".clk(clk)"


def gate_clocks(verilog: str) -> str:
    """Give modules clocks that rest."""
    texts = {match["name"]: text for text in re.split(r"(?<=\nendmodule\n)", verilog) if (match := MODULE.search(text))}
    instances = {name: [match["module"] for match in INSTANCE.finditer(text)] for name, text in texts.items()}
    depths = _depths(instances)
    return "".join(_gate(text, depths[name]) if depths[name] <= _DEPTH else text for name, text in texts.items())


def _depths(instances: Mapping[str, list[str]]) -> dict[str, int]:
    """How far below the top each module is."""
    inside = {module for modules in instances.values() for module in modules}
    level = [name for name in instances if name not in inside]
    depths: dict[str, int] = {}
    depth = 0
    while level:
        depths |= dict.fromkeys(level, depth)
        level = [module for name in level for module in instances[name] if module in instances]
        depth += 1
    return depths


def _gate(text: str, depth: int) -> str:
    """Gate a module's clock."""
    if _EDGE not in text and (depth < _DEPTH or _CLOCK_PORT not in text):
        return text
    busy = "_busy_" if depth == _DEPTH else "_busy_here_"
    text = text.replace(_EDGE, "@(posedge _clk_)")
    if depth == _DEPTH:
        text = text.replace(_CLOCK_PORT, ".clk(_clk_)")
    reset = " | rst" if _RESET_PORT in text else ""
    gate = f"""\
  reg _on_ = 1'b1;
  always @(negedge clk) _on_ <= {busy}{reset};
  wire _clk_ = clk & _on_;
endmodule
"""
    return text.removesuffix("endmodule\n") + gate
