// Clock and reset of the board: 125 MHz, rising edges at 4.5, 12.5, 20.5, ... ns; the reset covers the first of them.
`timescale 1ns/1ps
`default_nettype none

module clock_reset (
    output reg clk,
    output reg rst
);
    initial begin
        clk = 1'b0;
        #0.5 forever #4 clk = ~clk;
    end

    initial begin
        rst = 1'b1;
        #5 rst = 1'b0;
    end
endmodule

`default_nettype wire
