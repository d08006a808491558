// One DMA port of the board with its memory, under names that cocotbext-axi knows.
`timescale 1ns/1ps

module dma_port_bench #(
    parameter DATA_WIDTH = 64
) (
    input  wire                    clk,
    input  wire                    rst,
    input  wire [15:0]             read_cycles,
    input  wire [15:0]             write_cycles,
    input  wire                    axi_awid,
    input  wire [63:0]             axi_awaddr,
    input  wire [7:0]              axi_awlen,
    input  wire [2:0]              axi_awsize,
    input  wire [1:0]              axi_awburst,
    input  wire                    axi_awvalid,
    output wire                    axi_awready,
    input  wire [DATA_WIDTH-1:0]   axi_wdata,
    input  wire [DATA_WIDTH/8-1:0] axi_wstrb,
    input  wire                    axi_wlast,
    input  wire                    axi_wvalid,
    output wire                    axi_wready,
    output wire                    axi_bid,
    output wire [1:0]              axi_bresp,
    output wire                    axi_bvalid,
    input  wire                    axi_bready,
    input  wire                    axi_arid,
    input  wire [63:0]             axi_araddr,
    input  wire [7:0]              axi_arlen,
    input  wire [2:0]              axi_arsize,
    input  wire [1:0]              axi_arburst,
    input  wire                    axi_arvalid,
    output wire                    axi_arready,
    output wire                    axi_rid,
    output wire [DATA_WIDTH-1:0]   axi_rdata,
    output wire [1:0]              axi_rresp,
    output wire                    axi_rlast,
    output wire                    axi_rvalid,
    input  wire                    axi_rready
);
    localparam MEMORY_BYTES = 65536;

    reg [63:0] cycle = 64'd0;
    always @(posedge clk) cycle <= cycle + 64'd1;

    host_memory #(.BYTES(MEMORY_BYTES)) memory ();

    dma_port #(.DATA_WIDTH(DATA_WIDTH), .MEMORY_BYTES(MEMORY_BYTES)) port (
        .clk(clk),
        .cycle(cycle),
        .read_cycles(read_cycles),
        .write_cycles(write_cycles),
        .awvalid(axi_awvalid),
        .awready(axi_awready),
        .awid(axi_awid),
        .awaddr(axi_awaddr),
        .awlen(axi_awlen),
        .awsize(axi_awsize),
        .awburst(axi_awburst),
        .wvalid(axi_wvalid),
        .wready(axi_wready),
        .wdata(axi_wdata),
        .wstrb(axi_wstrb),
        .wlast(axi_wlast),
        .bvalid(axi_bvalid),
        .bready(axi_bready),
        .bid(axi_bid),
        .bresp(axi_bresp),
        .arvalid(axi_arvalid),
        .arready(axi_arready),
        .arid(axi_arid),
        .araddr(axi_araddr),
        .arlen(axi_arlen),
        .arsize(axi_arsize),
        .arburst(axi_arburst),
        .rvalid(axi_rvalid),
        .rready(axi_rready),
        .rid(axi_rid),
        .rdata(axi_rdata),
        .rlast(axi_rlast),
        .rresp(axi_rresp)
    );
endmodule
