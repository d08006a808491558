// Top of the simulation: the board with its clock. The only files with delays are this one and clock_reset.v.
//
// `wake` follows the board's half a nanosecond after a rising edge, at a whole nanosecond, when everything else that the
// edge changed can be read. With +waves=FILE everything but the memories is dumped.
`timescale 1ns/1ps
`default_nettype none

module board #(
    parameter NICS = 1,
    parameter CPUS = 1,
    parameter QUEUES = 1,
    parameter DATA_WIDTH = 64,
    parameter MEMORY_BYTES = 16 * 1024 * 1024
);
    wire                clk, rst;
    wire [4*NICS-1:0]   wake_now;
    wire [4*NICS-1:0]   wake;
    wire [192*NICS-1:0] status;

    assign #0.5 wake = wake_now;

    clock_reset clock_reset (.clk(clk), .rst(rst));

    board_core #(
        .NICS(NICS),
        .CPUS(CPUS),
        .QUEUES(QUEUES),
        .DATA_WIDTH(DATA_WIDTH),
        .MEMORY_BYTES(MEMORY_BYTES)
    ) core (
        .clk(clk),
        .rst(rst),
        .wake(wake_now),
        .status(status)
    );

    reg [8*1024-1:0] waves;
    initial
        if ($value$plusargs("waves=%s", waves)) begin
            $dumpfile(waves);
            $dumpvars(0, board);
        end
endmodule

`default_nettype wire
