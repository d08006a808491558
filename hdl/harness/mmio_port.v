// The CPU's way to the registers of a NIC: reads and posted writes in order, with the latency of a bus.
//
// Whoever plays the CPU puts its n-th access, n from 0, into requests[n % 256] in one go; the top bit, the inverse of
// bit 8 of n, says that it is new. One access is taken at each rising edge; `request_cycles` later it starts on the
// AXI4-Lite port, once those before it are through, so that a read pushes writes ahead of it. A read's data shows
// `completion_cycles` after the port returned it. Writes are posted: nothing comes back.
`timescale 1ns/1ps
`default_nettype none

module mmio_port (
    input  wire        clk,
    input  wire [63:0] cycle,                // number of the coming rising edge
    input  wire [15:0] request_cycles,       // at least 1
    input  wire [15:0] completion_cycles,    // at least 1

    output reg         awvalid = 1'b0,
    input  wire        awready,
    output reg  [16:0] awaddr = 17'd0,
    output reg         wvalid = 1'b0,
    input  wire        wready,
    output reg  [31:0] wdata = 32'd0,
    input  wire        bvalid,
    input  wire [1:0]  bresp,
    output reg         arvalid = 1'b0,
    input  wire        arready,
    output reg  [16:0] araddr = 17'd0,
    input  wire        rvalid,
    input  wire [31:0] rdata,
    input  wire [1:0]  rresp,

    output reg  [8:0]  taken = 9'd0,           // accesses taken from the CPU
    output reg  [15:0] completions = 16'd0,    // reads completed, as the CPU sees it
    output reg  [31:0] completion_data = 32'd0 // of the last one
);
    localparam NEW = 50, WRITE = 49;

    reg [50:0] requests [0:255];  // new, write, address[16:0], data[31:0]

    // Taken from the CPU, on the way to the port. A slot that nobody has ever filled makes `is_new` X, which is not true.
    reg  [63:0] start_at [0:255];
    wire [50:0] request = requests[taken[7:0]];
    wire        is_new = request[NEW] != taken[8];

    // On the port, one at a time.
    reg  [7:0]  started = 8'd0;
    reg         busy = 1'b0;
    wire        waiting = started != taken[7:0];
    wire [50:0] next = requests[started];

    // On the way back. The data of the last 256 reads stays readable.
    reg  [31:0] returned_data [0:255];
    reg  [63:0] show_at [0:255];
    reg  [7:0]  returned = 8'd0;
    wire        returning = returned != completions[7:0];

    wire        active = is_new || waiting || busy || returning;

    wire gated;
    clock_gate gate (.clk(clk), .enable(active), .gated(gated));

    always @(posedge gated) begin
        if (is_new) begin
            start_at[taken[7:0]] <= cycle + request_cycles;
            taken <= taken + 9'd1;
        end

        if (busy) begin
            if (awready) awvalid <= 1'b0;
            if (wready) wvalid <= 1'b0;
            if (arready) arvalid <= 1'b0;
            if (bvalid || rvalid) busy <= 1'b0;
            if (rvalid) begin
                returned_data[returned] <= rdata;
                show_at[returned] <= cycle + completion_cycles;
                returned <= returned + 8'd1;
            end
            if ((bvalid && bresp != 2'b00) || (rvalid && rresp != 2'b00))
                $display("ERROR: %m: the NIC answered a register access with an error");
        end else if (waiting && start_at[started] <= cycle) begin
            busy <= 1'b1;
            started <= started + 8'd1;
            awvalid <= next[WRITE];
            wvalid <= next[WRITE];
            arvalid <= !next[WRITE];
            if (next[WRITE]) begin
                awaddr <= next[48:32];
                wdata <= next[31:0];
            end else
                araddr <= next[48:32];
        end

        if (returning && show_at[completions[7:0]] <= cycle) begin
            completion_data <= returned_data[completions[7:0]];
            completions <= completions + 16'd1;
        end
    end
endmodule

`default_nettype wire
