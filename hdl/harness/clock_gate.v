// A clock that rises only where `enable` is high before the edge: a simulator pays for each process at each edge.
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
    reg risen = 1'b0;
    assign gated = risen;
    always @(posedge clk) if (enable) begin
        risen = 1'b1;  // at once, so that its users see what they would see at `clk`
        @(negedge clk) risen = 1'b0;
    end
`endif
endmodule

`default_nettype wire
