// An AXI4 slave through which one NIC reads and writes host memory.
//
// It takes addresses whenever its queue of 16 has room, for reads and for writes, and moves a beat per cycle. A read's
// first data comes `read_cycles` after its address, a write's response `write_cycles` after its last data, which is in
// memory by then. Bursts stay in order. What no NIC may ask for is an ERROR in the log.
`timescale 1ns/1ps
`default_nettype none

module dma_port #(
    parameter DATA_WIDTH = 64,
    parameter MEMORY_BYTES = 16 * 1024 * 1024
) (
    input  wire                    clk,
    input  wire [63:0]             cycle,         // number of the coming rising edge
    input  wire [15:0]             read_cycles,   // at least 1
    input  wire [15:0]             write_cycles,  // at least 1

    input  wire                    awvalid,
    output wire                    awready,
    input  wire                    awid,
    input  wire [63:0]             awaddr,
    input  wire [7:0]              awlen,
    input  wire [2:0]              awsize,
    input  wire [1:0]              awburst,
    input  wire                    wvalid,
    output wire                    wready,
    input  wire [DATA_WIDTH-1:0]   wdata,
    input  wire [DATA_WIDTH/8-1:0] wstrb,
    input  wire                    wlast,
    output reg                     bvalid = 1'b0,
    input  wire                    bready,
    output reg                     bid = 1'b0,
    output reg  [1:0]              bresp = 2'b00,

    input  wire                    arvalid,
    output wire                    arready,
    input  wire                    arid,
    input  wire [63:0]             araddr,
    input  wire [7:0]              arlen,
    input  wire [2:0]              arsize,
    input  wire [1:0]              arburst,
    output reg                     rvalid = 1'b0,
    input  wire                    rready,
    output reg                     rid = 1'b0,
    output reg  [DATA_WIDTH-1:0]   rdata = 0,
    output reg                     rlast = 1'b0,
    output reg  [1:0]              rresp = 2'b00
);
    localparam BYTES = DATA_WIDTH / 8;
    localparam SIZE = $clog2(BYTES);
    localparam [1:0] INCR = 2'b01, OKAY = 2'b00, DECERR = 2'b11;
    localparam TOP = $clog2(MEMORY_BYTES) - 1;

    // --- Reads: addresses in a queue, the burst in progress in registers -----------------------------------------

    reg  [63:0]  read_address [0:15];
    reg  [63:0]  read_at [0:15];
    reg  [7:0]   read_length [0:15];
    reg  [2:0]   read_size [0:15];
    reg          read_id [0:15];
    reg  [4:0]   reads_asked = 5'd0;
    reg  [4:0]   reads_begun = 5'd0;
    reg  [8:0]   read_left = 9'd0;
    reg  [63:0]  read_next = 64'd0;
    reg  [2:0]   read_step = 3'd0;
    wire         read_waiting = reads_asked != reads_begun;
    assign       arready = reads_asked - reads_begun != 5'd16;
    wire         reading = arvalid || rvalid || read_waiting;

    function [63:0] next_beat(input [63:0] address, input [2:0] size);
        next_beat = ((address >> size) + 64'd1) << size;
    endfunction

    task put_beat(input [63:0] address, input [2:0] size, input id, input last);
        begin
            rdata <= memory.words[address[TOP:6]][{address[5:SIZE], {SIZE{1'b0}}, 3'b000} +: DATA_WIDTH];
            rresp <= address < MEMORY_BYTES ? OKAY : DECERR;
            rid <= id;
            rlast <= last;
            read_step <= size;
            read_next <= next_beat(address, size);
        end
    endtask

    wire read_clk;
    clock_gate read_gate (.clk(clk), .enable(reading), .gated(read_clk));

    always @(posedge read_clk) begin
        if (arvalid && arready) begin
            check_burst(araddr, arlen, arsize, arburst);
            read_address[reads_asked[3:0]] <= araddr;
            read_length[reads_asked[3:0]] <= arlen;
            read_size[reads_asked[3:0]] <= arsize;
            read_id[reads_asked[3:0]] <= arid;
            read_at[reads_asked[3:0]] <= cycle + read_cycles;
            reads_asked <= reads_asked + 5'd1;
        end

        if (rvalid ? rready : read_waiting) begin
            if (read_left != 0) begin
                put_beat(read_next, read_step, rid, read_left == 1);
                read_left <= read_left - 9'd1;
            end else if (read_waiting && read_at[reads_begun[3:0]] <= cycle) begin
                put_beat(read_address[reads_begun[3:0]], read_size[reads_begun[3:0]], read_id[reads_begun[3:0]],
                         read_length[reads_begun[3:0]] == 0);
                read_left <= read_length[reads_begun[3:0]];
                reads_begun <= reads_begun + 5'd1;
                rvalid <= 1'b1;
            end else
                rvalid <= 1'b0;
        end
    end

    // --- Writes: addresses in a queue, data straight to memory, responses in a queue ------------------------------

    reg  [63:0]  write_address [0:15];
    reg  [7:0]   write_length [0:15];
    reg  [2:0]   write_size [0:15];
    reg          write_id [0:15];
    reg  [4:0]   writes_asked = 5'd0;
    reg  [4:0]   writes_filled = 5'd0;
    reg  [7:0]   write_beat = 8'd0;
    reg  [63:0]  write_next = 64'd0;
    reg          write_fails = 1'b0;
    reg  [63:0]  respond_at [0:15];
    reg          respond_id [0:15];
    reg  [1:0]   respond_code [0:15];
    reg  [4:0]   writes_answered = 5'd0;
    wire         response_waiting = writes_filled != writes_answered;
    wire [63:0]  beat_address = write_beat == 0 ? write_address[writes_filled[3:0]] : write_next;
    assign       awready = writes_asked - writes_answered != 5'd16;
    assign       wready = writes_asked != writes_filled;
    wire         writing = awvalid || wvalid || bvalid || response_waiting;

    task store_beat;
        integer lane;
        if (&wstrb)
            memory.words[beat_address[TOP:6]][{beat_address[5:SIZE], {SIZE{1'b0}}, 3'b000} +: DATA_WIDTH] <= wdata;
        else
            for (lane = 0; lane < BYTES; lane = lane + 1)
                if (wstrb[lane])
                    memory.words[beat_address[TOP:6]][{beat_address[5:SIZE], {SIZE{1'b0}}, 3'b000} + 8 * lane +: 8]
                        <= wdata[8*lane +: 8];
    endtask

    wire write_clk;
    clock_gate write_gate (.clk(clk), .enable(writing), .gated(write_clk));

    always @(posedge write_clk) begin
        if (awvalid && awready) begin
            check_burst(awaddr, awlen, awsize, awburst);
            write_address[writes_asked[3:0]] <= awaddr;
            write_length[writes_asked[3:0]] <= awlen;
            write_size[writes_asked[3:0]] <= awsize;
            write_id[writes_asked[3:0]] <= awid;
            writes_asked <= writes_asked + 5'd1;
        end

        if (wvalid && wready) begin
            if (beat_address < MEMORY_BYTES)
                store_beat;
            else
                write_fails <= 1'b1;
            write_next <= next_beat(beat_address, write_size[writes_filled[3:0]]);
            write_beat <= write_beat + 8'd1;
            if (wlast != (write_beat == write_length[writes_filled[3:0]]))
                $display("ERROR: %m: WLAST does not agree with AWLEN");
            if (wlast) begin
                write_beat <= 8'd0;
                write_fails <= 1'b0;
                respond_at[writes_filled[3:0]] <= cycle + write_cycles;
                respond_id[writes_filled[3:0]] <= write_id[writes_filled[3:0]];
                respond_code[writes_filled[3:0]] <= write_fails || beat_address >= MEMORY_BYTES ? DECERR : OKAY;
                writes_filled <= writes_filled + 5'd1;
            end
        end

        if (bvalid ? bready : response_waiting) begin
            if (response_waiting && respond_at[writes_answered[3:0]] <= cycle) begin
                bvalid <= 1'b1;
                bid <= respond_id[writes_answered[3:0]];
                bresp <= respond_code[writes_answered[3:0]];
                writes_answered <= writes_answered + 5'd1;
            end else
                bvalid <= 1'b0;
        end
    end

    // --- What a NIC must not ask for --------------------------------------------------------------------------------

    task check_burst(input [63:0] address, input [7:0] length, input [2:0] size, input [1:0] burst);
        begin
            if (size > SIZE || burst != INCR)
                $display("ERROR: %m: a burst must be INCR and its beats no wider than %0d bytes", BYTES);
            if ((address[11:0] >> size) + length > (4095 >> size))
                $display("ERROR: %m: the burst at 0x%0h crosses a 4 KiB boundary (AXI4, A3.4.1)", address);
            if (address + (length << size) >= MEMORY_BYTES)
                $display("ERROR: %m: DMA at 0x%0h: outside of host memory, which has 0x%0h bytes", address, MEMORY_BYTES);
        end
    endtask
endmodule

`default_nettype wire
