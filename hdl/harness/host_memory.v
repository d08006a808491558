// Host memory: one array of 512-bit words, byte 0 of a word in its bits 7 to 0.
//
// The DMA ports (dma_port.v) and whoever plays the CPU reach into `words` by its hierarchical name. The words are of
// two-state type, so memory starts as zeros, and Icarus spends nothing on words that nobody has written.
`timescale 1ns/1ps
`default_nettype none

module host_memory #(
    parameter BYTES = 16 * 1024 * 1024
);
    localparam WORDS = BYTES / 64;

    bit [511:0] words [0:WORDS-1];
endmodule

`default_nettype wire
