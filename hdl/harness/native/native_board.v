// Top of the native simulation: the board without delays, and what tells which clock edges change nothing.
//
// `clk` rises once for each edge of the board's clock, whenever its user likes. The reset covers the first edge. `stirring`
// is high if the harness changes something at the coming edge, but for accesses and frames that were put into it since
// the last one. If it is low, a rising edge of `look` finds out about the rest: `acts_at` is then 0 if a NIC changes
// something at the coming edge, else the number of the edge at which the harness does. Up to there the user may skip
// edges: add to core.cycle.
`timescale 1ns/1ps
`default_nettype none

module native_board #(
    parameter NICS = 1,
    parameter CPUS = 1,
    parameter QUEUES = 1,
    parameter DATA_WIDTH = 64,
    parameter MEMORY_BYTES = 16 * 1024 * 1024
) (
    input  wire                clk,
    input  wire                look,
    output wire [4*NICS-1:0]   wake,
    output wire [192*NICS-1:0] status,
    output wire                stirring,
    output reg  [63:0]         acts_at = 64'd0
);
    reg rst = 1'b1;
    wire rst_clk;
    clock_gate rst_gate (.clk(clk), .enable(rst), .gated(rst_clk));
    always @(posedge rst_clk) rst <= 1'b0;  // all logic depends on it, and would be evaluated at every edge

    board_core #(
        .NICS(NICS),
        .CPUS(CPUS),
        .QUEUES(QUEUES),
        .DATA_WIDTH(DATA_WIDTH),
        .MEMORY_BYTES(MEMORY_BYTES)
    ) core (
        .clk(clk),
        .rst(rst),
        .wake(wake),
        .status(status)
    );

    localparam [63:0] NEVER = ~64'd0;

    wire [NICS-1:0]    slot_stirs;
    wire [NICS-1:0]    nic_busy;
    wire [64*NICS-1:0] slot_acts_at;

    assign stirring = rst || |slot_stirs;

    function [63:0] earlier(input [63:0] a, input [63:0] b);
        earlier = a < b ? a : b;
    endfunction

    genvar n;
    generate
        for (n = 0; n < NICS; n = n + 1) begin : ahead
            assign slot_stirs[n] = core.slot[n].mmio.busy || core.slot[n].irq != core.slot[n].line.last
                || core.slot[n].phy.stirred || |core.slot[n].fires || core.slot[n].rx_tvalid || core.slot[n].verdict_valid
                || core.slot[n].tx_tvalid && (core.slot[n].tx_tready || !core.slot[n].sink.offered)
                || core.slot[n].wire_calling != core.slot[n].wire_called
                || core.slot[n].rx_arvalid || core.slot[n].rx_rvalid
                || core.slot[n].rx_awvalid || core.slot[n].rx_wvalid || core.slot[n].rx_bvalid
                || core.slot[n].tx_arvalid || core.slot[n].tx_rvalid
                || core.slot[n].tx_awvalid || core.slot[n].tx_wvalid || core.slot[n].tx_bvalid;
            assign nic_busy[n] = core.slot[n].nic._busy_;

            wire [63:0] mmio_starts = core.slot[n].mmio.waiting
                ? core.slot[n].mmio.start_at[core.slot[n].mmio.started] : NEVER;
            wire [63:0] mmio_shows = core.slot[n].mmio.returning
                ? core.slot[n].mmio.show_at[core.slot[n].mmio.completions[7:0]] : NEVER;
            wire [63:0] line_changes = core.slot[n].line.shown != core.slot[n].line.sampled
                ? core.slot[n].line.due[core.slot[n].line.shown] : NEVER;
            wire [63:0] message_arrives = core.slot[n].vectors.waiting
                ? core.slot[n].vectors.due[core.slot[n].vectors.shown] : NEVER;
            wire [63:0] beat_arrives = core.slot[n].source.sending ? core.slot[n].source.arrival_cycle : NEVER;
            wire [63:0] link_comes = core.slot[n].phy.negotiating ? core.slot[n].phy.link_at : NEVER;
            wire [63:0] beat_is_due = core.slot[n].tx_tready ? NEVER : core.slot[n].sink.due - 64'd1;  // TREADY rises before
            wire [63:0] frame_arrives = core.slot[n].sink.ending ? core.slot[n].sink.end_cycle : NEVER;
            wire [63:0] rx_read_starts = core.slot[n].rx_dma.read_waiting
                ? core.slot[n].rx_dma.read_at[core.slot[n].rx_dma.reads_begun[3:0]] : NEVER;
            wire [63:0] rx_response_comes = core.slot[n].rx_dma.response_waiting
                ? core.slot[n].rx_dma.respond_at[core.slot[n].rx_dma.writes_answered[3:0]] : NEVER;
            wire [63:0] tx_read_starts = core.slot[n].tx_dma.read_waiting
                ? core.slot[n].tx_dma.read_at[core.slot[n].tx_dma.reads_begun[3:0]] : NEVER;
            wire [63:0] tx_response_comes = core.slot[n].tx_dma.response_waiting
                ? core.slot[n].tx_dma.respond_at[core.slot[n].tx_dma.writes_answered[3:0]] : NEVER;

            assign slot_acts_at[64*n +: 64] = earlier(
                earlier(earlier(earlier(mmio_starts, mmio_shows), earlier(earlier(line_changes, message_arrives), beat_arrives)),
                    earlier(link_comes, earlier(beat_is_due, frame_arrives))),
                earlier(earlier(rx_read_starts, rx_response_comes), earlier(tx_read_starts, tx_response_comes)));
        end
    endgenerate

    integer i;
    reg [63:0] first;
    always @(posedge look) begin
        first = |nic_busy ? 64'd0 : NEVER;
        for (i = 0; i < NICS; i = i + 1) first = earlier(first, slot_acts_at[64*i +: 64]);
        acts_at <= first;
    end
endmodule

`default_nettype wire
