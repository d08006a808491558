// The cable out of one NIC: takes frames at the pace of the wire into a memory, each with its times to the picosecond.
//
// A frame's preamble starts when its first beat is offered, or when the frame before and the gap behind it are over (IEEE
// 802.3, 4.2.7), whichever is later; every further beat is taken at the first edge at or after the time of its first
// byte. In the memory of 512-bit words a frame is a header word, {end_ps[143:80], length[79:64], start_ps[63:0]}, and its
// bytes with the FCS, 64 in a word, the first in bits 7 to 0. The word counter runs freely; word n is at n modulo WORDS.
// A frame counts as arrived at the first edge at or after its end. One that the NIC marks as cut off is forgotten.
`timescale 1ns/1ps
`default_nettype none

module wire_sink #(
    parameter DATA_WIDTH = 64,
    parameter WORDS = 1024
) (
    input  wire                    clk,
    input  wire [63:0]             cycle,                 // number of the coming rising edge
    input  wire                    tvalid,
    output reg                     tready = 1'b0,
    input  wire [DATA_WIDTH-1:0]   tdata,
    input  wire [DATA_WIDTH/8-1:0] tkeep,
    input  wire                    tlast,
    input  wire                    tuser,                 // with tlast: cut off
    input  wire [10:0]             gap_bytes,             // between frames, as the NIC wants it
    input  wire                    whole,                 // pulse: one more frame is whole inside the NIC
    input  wire                    looped,                // pulse: one of them went back into the NIC
    input  wire                    nic_reset,             // pulse: these frames are lost
    output reg  [31:0]             arrived_words = 32'd0, // words of the frames that have arrived
    output reg                     arrived = 1'b0,        // toggles when a frame has, if anybody listens
    output reg  [31:0]             cut_off = 32'd0        // frames that a reset took out of the NIC
);
    localparam BYTES = DATA_WIDTH / 8;
    localparam PREAMBLE_BYTES = 8;
    localparam CLOCK_PS = 8000, FIRST_EDGE_PS = 4500;
    localparam INDEX = $clog2(WORDS) - 1;

    // Read and written from outside.
    reg [511:0] words [0:WORDS-1];
    reg         listening = 1'b0;
    reg [63:0]  byte_ps = 64'd8000;        // time of a byte: 1 Gb/s

    reg         receiving = 1'b0;          // the first beat was taken, and the last one was not
    reg         offered = 1'b0;            // the next frame's first beat is, since
    reg [63:0]  offered_ps = 64'd0;
    reg [63:0]  start_ps = 64'd0;          // of the frame
    reg [15:0]  length = 16'd0;            // bytes of it that were taken
    reg [31:0]  here = 32'd1;              // number of the word that takes the next beat
    reg [63:0]  due = 64'd0;               // first edge at which the next beat may be taken
    reg [63:0]  free_ps = 64'd0;           // earliest start of the next frame
    reg         ending = 1'b0;             // the last beat was taken, and the frame has not arrived yet
    reg [63:0]  end_cycle = 64'd0;
    reg [15:0]  held = 16'd0;            // whole frames in the NIC
    reg         disturbed = 1'b0;          // by a reset in the middle of the frame
    wire        take = tvalid && tready;
    wire        leaves = take && tlast && !tuser || looped;
    wire        left_over = tvalid && tlast && !tuser && !take;  // this beat comes even after a reset
    wire        active = tvalid || ending || !tready || whole || looped || nic_reset;

    reg [63:0]  begins_ps, ends_ps, next_due;  // these four are variables of the process
    reg [15:0]  taken;
    integer     lane, i;

    initial for (i = 0; i < WORDS; i = i + 1) words[i] = 512'd0;

    function [63:0] first_edge(input [63:0] ps);
        first_edge = ps <= FIRST_EDGE_PS ? 64'd0 : (ps + (CLOCK_PS - 1 - FIRST_EDGE_PS)) / CLOCK_PS;
    endfunction

    task take_beat;
        begin
            begins_ps = start_ps;
            taken = receiving ? length : 16'd0;
            if (!receiving) begin
                begins_ps = offered ? offered_ps : cycle * CLOCK_PS + FIRST_EDGE_PS;
                if (begins_ps < free_ps) begins_ps = free_ps;
                start_ps <= begins_ps;
                offered <= 1'b0;
            end
            words[here[INDEX:0]][{taken[5:0], 3'b000} +: DATA_WIDTH] <= tdata;
            for (lane = 0; lane < BYTES; lane = lane + 1) taken = taken + {15'd0, tkeep[lane]};
            length <= taken;
            if (taken[5:0] == 0) here <= here + 32'd1;
            receiving <= !tlast;
            next_due = first_edge(begins_ps + (PREAMBLE_BYTES + taken) * byte_ps);
            if (tlast) end_frame;
        end
    endtask

    task end_frame;
        begin
            ends_ps = begins_ps + (PREAMBLE_BYTES + taken) * byte_ps;
            free_ps <= ends_ps + gap_bytes * byte_ps;
            next_due = first_edge(ends_ps + gap_bytes * byte_ps);
            disturbed <= 1'b0;
            if (tuser)
                here <= arrived_words + 32'd1;
            else begin
                words[arrived_words[INDEX:0]] <= {368'd0, ends_ps, taken, begins_ps};
                ending <= 1'b1;
                end_cycle <= first_edge(ends_ps);
                here <= arrived_words + 32'd3 + (taken - 16'd1) / 64;
            end
        end
    endtask

    wire gated;
    clock_gate gate (.clk(clk), .enable(active), .gated(gated));

    always @(posedge gated) begin
        next_due = due;
        if (take)
            take_beat;
        else if (tvalid && !receiving && !offered) begin
            offered <= 1'b1;
            offered_ps <= cycle * CLOCK_PS + FIRST_EDGE_PS;
        end
        due <= next_due;
        tready <= next_due <= cycle + 64'd1 && !(ending && end_cycle > cycle);
        if (receiving && tready && !tvalid && !disturbed && !nic_reset)
            $display("ERROR: %m: the NIC has nothing to send in the middle of a frame");

        if (ending && end_cycle <= cycle) begin
            ending <= 1'b0;
            arrived_words <= here - 32'd1;
            if (listening) arrived <= ~arrived;
        end

        held <= held + {15'd0, whole} - {15'd0, leaves};
        if (nic_reset) begin
            cut_off <= cut_off + held + {31'd0, whole} - {31'd0, leaves} - {31'd0, left_over};
            held <= {15'd0, left_over};
            disturbed <= receiving;
        end
    end
endmodule

`default_nettype wire
