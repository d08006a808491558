// The way of an interrupt line from a NIC to the CPU: every change arrives `delay_cycles` after it was sampled.
//
// PCI Express sends level changes as messages in order with read completions (Base Specification 2.2.8.1), therefore
// this delay is the one of completions.
`timescale 1ns/1ps
`default_nettype none

module irq_line (
    input  wire        clk,
    input  wire [63:0] cycle,         // number of the coming rising edge
    input  wire [15:0] delay_cycles,  // at least 1
    input  wire        irq,
    output reg         level = 1'b0   // as the CPU sees it
);
    reg [63:0] due [0:255];  // a line that changed each clock would fill this in 256 cycles of delay
    reg [7:0]  sampled = 8'd0;
    reg [7:0]  shown = 8'd0;
    reg        last = 1'b0;
    wire       active = irq != last || shown != sampled;

    always @(posedge clk) if (active) begin
        if (irq != last) begin
            last <= irq;
            due[sampled] <= cycle + delay_cycles;
            sampled <= sampled + 8'd1;
            if (sampled + 8'd1 == shown)
                $display("ERROR: %m: more than 255 interrupt changes are under way");
        end
        if (shown != sampled && due[shown] <= cycle) begin
            level <= ~level;
            shown <= shown + 8'd1;
        end
    end
endmodule

`default_nettype wire
