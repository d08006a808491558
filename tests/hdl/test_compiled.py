"""The rewriting of Verilog for compiled simulators: when a module says that it is busy, and what is refused."""

from __future__ import annotations

import pytest

from hdl.nic.compiled import show_busy

MODULE = """\
module \\top.one (clk, rst);
  reg [7:0] count = 8'h00;
  reg [7:0] held = 8'h00;
  reg valid = 1'h0;
  always @(posedge clk)
    count <= next;
  always @(posedge clk)
    if (rst) held <= 8'h00;
    else if (load) held <= data;
  always @(posedge clk)
    if (clear) held <= 8'h00;
    else if (load) held <= data;
  always @(posedge clk)
    if (ready) valid <= more;
  always @(posedge clk) begin
    if (write)
      memory[address] <= data;
  end
  always @(posedge clk) begin
    if (\\$en ) begin
      assert (good);
    end
  end
  always @(posedge clk) begin
    _0_ <= memory[address];
  end
endmodule
module top(a);
  \\top.one  one (
    .a(a)
  );
  \\top.one  two (
    .a(a)
  );
endmodule
module \\top.none (a);
endmodule
"""


def busy_lines(verilog: str) -> list[str]:
    return [line for line in show_busy(verilog).splitlines() if " _busy_" in line]


def test_a_module_is_busy_if_a_register_may_change() -> None:
    one = busy_lines(MODULE)[0]
    assert one == (
        "  wire _busy_here_ = ((count  != next)) | ((load) & (held  != data)) | ((clear) & (held  != 8'h00)) "
        "| ((!(clear)) & (load) & (held  != data)) | ((ready) & (valid  != more)) | (write) "
        "| (_0_  != memory[address]);"
    )


def test_a_module_is_busy_if_one_inside_it_is() -> None:
    _, one, here, top, none, _ = busy_lines(MODULE)
    assert one == "  wire _busy_ = _busy_here_;"
    assert here == none == "  wire _busy_here_ = 1'h0;"
    assert top == "  wire _busy_ = _busy_here_ | one._busy_ | two._busy_;"


def test_nothing_else_changes() -> None:
    assert [line for line in show_busy(MODULE).splitlines() if " _busy_" not in line] == MODULE.splitlines()


@pytest.mark.parametrize("statement", ["    count = next;", "    case (a)"])
def test_refuses_a_process_it_does_not_know(statement: str) -> None:
    with pytest.raises(ValueError, match="form"):
        show_busy(f"module m(clk);\n  always @(posedge clk)\n{statement}\nendmodule\n")
