// A log of what became of each received frame: 128 verdicts of four bits in a 512-bit word, the oldest in the lowest bits.
//
// The reader keeps its own count and must take verdicts before 2**LOG_WORDS words more have been logged.
`timescale 1ns/1ps
`default_nettype none

module verdict_log #(
    parameter LOG_WORDS = 7  // 16,384 verdicts: the wire's memory holds no more than 2,048 frames
) (
    input  wire        clk,
    input  wire        valid,
    input  wire [3:0]  verdict,
    output reg  [31:0] count = 32'd0  // logged since the start
);
    reg [511:0] words [0:(1<<LOG_WORDS)-1];

    integer i;
    initial for (i = 0; i < 1 << LOG_WORDS; i = i + 1) words[i] = 512'd0;

    always @(posedge clk)
        if (valid) begin
            words[count[LOG_WORDS+6:7]][{count[6:0], 2'b00} +: 4] <= verdict;
            count <= count + 32'd1;
        end
endmodule

`default_nettype wire
