"""The rewriting of Verilog for event-driven simulators: what it makes, and that it refuses what it does not know."""

from __future__ import annotations

import pytest

from hdl.nic.event_driven import sleep_when_idle

MODULE = """\
module one(clk, rst);
  always @(posedge clk)
    count <= next;
  always @(posedge clk)
    flags[3:0] <= { a, b };
  always @(posedge clk) begin
    if (write)
      memory[address] <= data;
  end
  always @(posedge clk) begin
    if (en) begin
      assert (good);
    end
  end
  always @(posedge clk) begin
    _0_ <= memory[address];
  end
  assign next = count + 1;
endmodule
module two(a);
  assign a = 1'h0;
endmodule
"""


def test_joins_the_processes_of_a_module() -> None:
    assert (
        sleep_when_idle(MODULE)
        == """\
module one(clk, rst);
  assign next = count + 1;
  wire _due0_ = count !== next;
  wire _due1_ = flags[3:0] !== { a, b };
  wire _due2_ = write;
  wire _due3_ = (en) & (good) !== 1'b1;
  wire _due4_ = _0_ !== memory[address];
  wire _due_here_ = |{ _due0_, _due1_, _due2_, _due3_, _due4_ };
  wire _due_inside_ = 1'b0;
  wire _due_ = _due_here_ | _due_inside_;
  always @(posedge clk)
    if (_due_here_) begin
      if (_due0_) count <= next;
      if (_due1_) flags[3:0] <= { a, b };
      if (write)
        memory[address] <= data;
      if (en) begin
        assert (good);
      end
      _0_ <= memory[address];
    end
endmodule
module two(a);
  assign a = 1'h0;
  wire _due_here_ = 1'b0;
  wire _due_inside_ = 1'b0;
  wire _due_ = _due_here_ | _due_inside_;
endmodule
"""
    )


INSTANCES = """\
module top(clk);
  one first (
    .a(a),
    .clk(clk)
  );
  one \\second$2  (
    .clk(clk),
    .a(a)
  );
  foreign third (
    .clk(clk)
  );
endmodule
"""


def test_gates_the_clock_of_modules_inside() -> None:
    lines = sleep_when_idle(MODULE + INSTANCES).partition("module top")[2].splitlines()
    assert lines.count("    .clk(_clk_)") == 1  # the first
    assert lines.count("    .clk(_clk_),") == 1  # the second
    assert lines.count("    .clk(clk)") == 1  # the third is not one of these modules
    assert "  wire _due_inside_ = |{ first._due_, \\second$2 ._due_ };" in lines
    assert lines[-7:-1] == [
        "  reg _clk_ = 1'b0;",
        "  always @(posedge clk)",
        "    if (_due_inside_) begin",
        "      _clk_ = 1'b1;",
        "      @(negedge clk) _clk_ = 1'b0;",
        "    end",
    ]


@pytest.mark.parametrize("statement", ["    if (rst) count <= 0;\n    else count <= next;", "    count = next;"])
def test_refuses_a_process_it_does_not_know(statement: str) -> None:
    with pytest.raises(ValueError, match="form"):
        sleep_when_idle(f"module m(clk);\n  always @(posedge clk)\n{statement}\nendmodule\n")


def test_leaves_no_clocked_process_as_it_was() -> None:
    assert sleep_when_idle(MODULE).count("always") == 1
