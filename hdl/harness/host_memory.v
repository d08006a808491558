// Host memory: one array of 512-bit words, byte 0 of a word in its bits 7 to 0.
//
// The DMA ports (dma_port.v) and whoever plays the CPU reach into `words` by its hierarchical name. It starts as zeros.
// (Of type `bit` it would do so by itself, but Icarus 11 converts such words bit by bit at every access.)
`timescale 1ns/1ps
`default_nettype none

module host_memory #(
    parameter BYTES = 16 * 1024 * 1024
);
    localparam WORDS = BYTES / 64;

    reg [511:0] words [0:WORDS-1];

    integer i;
    initial for (i = 0; i < WORDS; i = i + 1) words[i] = 512'd0;
endmodule

`default_nettype wire
