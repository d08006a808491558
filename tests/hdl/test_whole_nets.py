"""The rewriting of Verilog that gives each net one driver."""

from __future__ import annotations

from hdl.nic.whole_nets import join_parts

MODULE = """\
module one(a, b, sum);
  input [3:0] a;
  output [4:0] sum;
  wire [4:0] sum;
  wire [7:0] whole;
  wire \\some.bit ;
  wire [3:0] some;
  assign whole[7:6] = a[1:0];
  assign { whole[5], \\some.bit  } = a + 4'h1;
  assign whole[4:0] = b ? sum : 5'h00;
  assign some[2] = b;
  assign sum = a + 4'h1;
endmodule
"""


def lines_of(verilog: str) -> list[str]:
    return [line.strip() for line in join_parts(verilog).splitlines()]


def test_parts_get_nets_of_their_own_and_are_joined() -> None:
    lines = lines_of(MODULE)
    assert "wire [1:0] _driver7_ = a[1:0];" in lines
    assert "wire [1:0] _driver8_ = a + 4'h1;" in lines
    assert "wire [4:0] _driver9_ = b ? sum : 5'h00;" in lines
    assert "assign whole  = { _driver7_[1:0], _driver8_[1:1], _driver9_[4:0] };" in lines
    assert "assign \\some.bit  = { _driver8_[0:0] };" in lines


def test_a_net_that_something_else_drives_too_is_left_in_parts() -> None:
    lines = lines_of(MODULE)
    assert "wire [0:0] _driver10_ = b;" in lines
    assert "assign some [2:2] = _driver10_[0:0];" in lines


def test_nothing_else_changes() -> None:
    kept = [line.strip() for line in MODULE.splitlines() if "[" not in line or "assign" not in line]
    rest = [line for line in lines_of(MODULE) if "_driver" not in line]
    assert rest == [*kept[:-2], "assign sum = a + 4'h1;", "endmodule"]


def test_modules_do_not_mix() -> None:
    other = "module two(a);\n  wire [1:0] whole;\n  assign whole[1] = a;\n  assign whole[0] = a;\nendmodule\n"
    assert join_parts(MODULE + other) == join_parts(MODULE) + join_parts(other)
