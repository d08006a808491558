// Host memory: one array of 512-bit words, byte 0 of a word in its bits 7 to 0.
//
// The DMA ports (dma_port.v) and whoever plays the CPU reach into `words` by its hierarchical name.
//
// It starts as zeros. Words of type `bit` would do so by themselves, but Icarus 11 converts these bit by bit at every
// access. An `initial` block would come too late: cocotb may write before it runs, at time 0; initial values are earlier.
`timescale 1ns/1ps
`default_nettype none

module host_memory #(
    parameter BYTES = 16 * 1024 * 1024
);
    localparam WORDS = BYTES / 64;

    // verilator lint_off MULTIDRIVEN
    reg [511:0] words [0:WORDS-1];  // each DMA port writes when its clock runs
    // verilator lint_on MULTIDRIVEN

    integer i;
    integer zeroed = zero_words(WORDS);

    function integer zero_words(input integer count);
        begin
            for (i = 0; i < count; i = i + 1) words[i] = 512'd0;
            zero_words = count;
        end
    endfunction
endmodule

`default_nettype wire
