// The way of a NIC's MSI-X messages to the CPU: each arrives `delay_cycles` after it was sent.
//
// A message is a posted write that stays in order with read completions, as the line's changes do (irq_line.v). What
// arrives is counted by vector, so that none is lost if nobody looks in between.
`timescale 1ns/1ps
`default_nettype none

module vector_lines #(
    parameter VECTORS = 1
) (
    input  wire               clk,
    input  wire [63:0]        cycle,           // number of the coming rising edge
    input  wire [15:0]        delay_cycles,    // at least 1
    input  wire [VECTORS-1:0] fires,
    output reg                changed = 1'b0   // toggles when messages arrive
);
    reg [127:0]       counts = 128'd0;  // messages of each vector that have arrived, a byte for each
    reg [63:0]        due [0:255];
    reg [VECTORS-1:0] which [0:255];
    reg [7:0]         sampled = 8'd0;
    reg [7:0]         shown = 8'd0;
    wire              waiting = shown != sampled;

    integer vector;
    always @(posedge clk) if (|fires || waiting) begin
        if (|fires) begin
            due[sampled] <= cycle + delay_cycles;
            which[sampled] <= fires;
            sampled <= sampled + 8'd1;
            if (sampled + 8'd1 == shown)
                $display("ERROR: %m: more than 255 messages are under way");
        end
        if (waiting && due[shown] <= cycle) begin
            for (vector = 0; vector < VECTORS; vector = vector + 1)
                counts[8*vector +: 8] <= counts[8*vector +: 8] + {7'd0, which[shown][vector]};
            changed <= ~changed;
            shown <= shown + 8'd1;
        end
    end
endmodule

`default_nettype wire
