// A clock that rests while nothing needs it, for the compiled simulator, which evaluates what a clock drives at each edge.
//
// For other simulators, which pay for changes only, it is the clock itself; so its users look at `enable` too.
`timescale 1ns/1ps
`default_nettype none

module clock_gate (
    input  wire clk,
    input  wire enable,
    output wire gated
);
`ifdef VERILATOR
    reg enabled;
    always_latch if (!clk) enabled = enable;
    assign gated = clk & enabled;
`else
    assign gated = clk;
`endif
endmodule

`default_nettype wire
