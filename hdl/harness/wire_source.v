// The cable into one NIC: sends frames from a memory, each at its time to the picosecond, and needs nobody meanwhile.
//
// In the memory of 512-bit words a frame is a header word, {error[80], length[79:64], start_ps[63:0]}, and its bytes
// with the FCS, 64 in a word, the first in bits 7 to 0. The word counters run freely; word n is at n modulo WORDS.
// A frame's preamble starts at start_ps or when the preamble, bytes and gap of the frame before are over (IEEE 802.3,
// 4.2.7, 4.4.2), whichever is later. A beat appears at the first edge at or after the arrival of its last byte.
`timescale 1ns/1ps
`default_nettype none

module wire_source #(
    parameter DATA_WIDTH = 64,
    parameter WORDS = 4096
) (
    input  wire                    clk,
    input  wire [63:0]             cycle,             // number of the coming rising edge
    output reg                     tvalid = 1'b0,
    output reg  [DATA_WIDTH-1:0]   tdata = 0,
    output reg  [DATA_WIDTH/8-1:0] tkeep = 0,
    output reg                     tlast = 1'b0,
    output reg                     tuser = 1'b0,
    output reg  [31:0]             sent_words = 32'd0, // words of the frames that have left
    output reg                     low_water = 1'b0    // toggles when sent_words reaches call_at
);
    localparam BYTES = DATA_WIDTH / 8;
    localparam PREAMBLE_BYTES = 8, GAP_BYTES = 12;
    localparam CLOCK_PS = 8000, FIRST_EDGE_PS = 4500;
    localparam INDEX = $clog2(WORDS) - 1;

    // Written from outside.
    reg [511:0] words [0:WORDS-1];
    reg [31:0]  queued_words = 32'd0;       // words of the frames in the memory
    reg [31:0]  call_at = 32'hffff_ffff;    // where to toggle low_water; the end of a frame
    reg [63:0]  byte_ps = 64'd8000;         // time of a byte: 1 Gb/s

    reg         sending = 1'b0;
    reg         error = 1'b0;
    reg [15:0]  left = 16'd0;               // bytes of the frame that are still to go
    reg [31:0]  here = 32'd0;               // number of the word that holds them
    reg [5:0]   offset = 6'd0;              // byte in it
    reg [63:0]  arrival_ps = 64'd0;         // of the next beat's last byte
    reg [63:0]  arrival_cycle = 64'd0;      // number of the first edge at or after that
    reg [63:0]  free_ps = 64'd0;            // earliest start of the next frame
    wire        queued = sent_words != queued_words;
    wire        last = left <= BYTES;
    wire [31:0] after = here + 32'd1;
    wire        active = sending || tvalid || queued;

    reg [511:0] header;                     // these three are variables of the tasks
    reg [63:0]  start_ps;
    reg [63:0]  next_ps;

    function [63:0] first_edge(input [63:0] ps);
        first_edge = (ps + (CLOCK_PS - 1 - FIRST_EDGE_PS)) / CLOCK_PS;
    endfunction

    function [15:0] beat_bytes(input [15:0] remaining);
        beat_bytes = remaining < BYTES ? remaining : BYTES;
    endfunction

    task begin_frame;
        begin
            header = words[sent_words[INDEX:0]];
            start_ps = header[63:0] > free_ps ? header[63:0] : free_ps;
            next_ps = start_ps + (PREAMBLE_BYTES + beat_bytes(header[79:64])) * byte_ps;
            sending <= 1'b1;
            error <= header[80];
            left <= header[79:64];
            here <= sent_words + 32'd1;
            offset <= 6'd0;
            arrival_ps <= next_ps;
            arrival_cycle <= first_edge(next_ps);
            free_ps <= start_ps + (PREAMBLE_BYTES + header[79:64] + GAP_BYTES) * byte_ps;
        end
    endtask

    task send_beat;
        begin
            tvalid <= 1'b1;
            tdata <= words[here[INDEX:0]][{offset, 3'b000} +: DATA_WIDTH];
            tkeep <= last ? ~({BYTES{1'b1}} << left) : {BYTES{1'b1}};
            tlast <= last;
            tuser <= last && error;
            next_ps = arrival_ps + beat_bytes(left - BYTES) * byte_ps;
            left <= left - BYTES;
            arrival_ps <= next_ps;
            arrival_cycle <= first_edge(next_ps);
            offset <= offset + BYTES;
            if (offset + BYTES == 64)
                here <= after;
            if (last) begin
                sending <= 1'b0;
                sent_words <= after;
                if (after == call_at)
                    low_water <= ~low_water;
            end
        end
    endtask

    wire gated;
    clock_gate gate (.clk(clk), .enable(active), .gated(gated));

    always @(posedge gated) begin
        if (sending && arrival_cycle <= cycle)
            send_beat;
        else if (tvalid)
            tvalid <= 1'b0;
        if (!sending && queued)
            begin_frame;
    end
endmodule

`default_nettype wire
