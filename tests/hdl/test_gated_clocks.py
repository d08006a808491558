"""The rewriting of Verilog that gives modules clocks that rest."""

from __future__ import annotations

from hdl.nic.compiled import show_busy
from hdl.nic.gated_clocks import gate_clocks


def module(name: str, *inside: str, register: bool = True) -> str:
    lines = [f"module {name}(clk, rst);", "  input clk;", "  input rst;"]
    if register:
        lines += ["  always @(posedge clk)", "    count <= next;"]
    for number, child in enumerate(inside):
        lines += [f"  {child} child{number} (", "    .clk(clk),", "    .rst(rst)", "  );"]
    return "\n".join([*lines, "endmodule", ""])


DESIGN = (
    module("leaf")
    + module("low", "leaf")
    + module("middle", "low", register=False)
    + module("high", "middle")
    + module("top", "high", register=False)
)


def gated() -> dict[str, list[str]]:
    """The lines of each module."""
    text = gate_clocks(show_busy(DESIGN))
    modules = [part.splitlines() for part in text.split("endmodule\n") if part]
    return {lines[0].removeprefix("module ").split("(")[0]: lines for lines in modules}


def test_a_modules_own_registers_get_a_clock() -> None:
    lines = gated()["high"]
    assert "  always @(posedge _clk_)" in lines
    assert "  always @(negedge clk) _on_ <= _busy_here_ | rst;" in lines
    assert "    .clk(clk)," in lines


def test_deep_modules_share_one() -> None:
    lines = gated()["middle"]
    assert "  always @(negedge clk) _on_ <= _busy_ | rst;" in lines
    assert "    .clk(_clk_)," in lines
    for name in ("low", "leaf"):
        assert not any("_on_" in line for line in gated()[name])


def test_a_module_without_registers_needs_none() -> None:
    assert not any("_on_" in line for line in gated()["top"])
