// The board without its clock: NICs, host memory, and for each NIC its CPU port, interrupt line, wire and verdict log.
//
// All of it is synchronous to `clk` and free of delays. Whoever plays the CPU writes requests, memory, frames and
// latencies into the blocks by their hierarchical names, between edges, and reads `status`. `wake` has bits that change
// when there is something new for it, three for each NIC: low water of the wire, a read completed, the interrupt line.
`timescale 1ns/1ps
`default_nettype none

module board_core #(
    parameter NICS = 1,
    parameter CPUS = 1,
    parameter DATA_WIDTH = 64,
    parameter MEMORY_BYTES = 16 * 1024 * 1024
) (
    input  wire                clk,
    input  wire                rst,
    output wire [3*NICS-1:0]   wake,
    output wire [128*NICS-1:0] status
);
    // Latencies in clock cycles, at least 1; set before the first access.
    reg [15:0] mmio_request_cycles = 16'd1;
    reg [15:0] mmio_completion_cycles = 16'd1;
    reg [15:0] dma_read_cycles = 16'd1;
    reg [15:0] dma_write_cycles = 16'd1;

    reg [NICS-1:0] link_up = {NICS{1'b1}};  // from the PHYs

    reg [63:0] cycle = 64'd0;  // number of the coming rising edge
    always @(posedge clk) cycle <= cycle + 64'd1;

    host_memory #(.BYTES(MEMORY_BYTES)) memory ();
    probes #(.CPUS(CPUS), .NICS(NICS)) probes ();

    genvar n;
    generate
        for (n = 0; n < NICS; n = n + 1) begin : slot
            wire        axil_awvalid, axil_awready, axil_wvalid, axil_wready, axil_bvalid;
            wire        axil_arvalid, axil_arready, axil_rvalid;
            wire [16:0] axil_awaddr, axil_araddr;
            wire [31:0] axil_wdata, axil_rdata;
            wire [1:0]  axil_bresp, axil_rresp;

            wire        awvalid, awready, awid, wvalid, wready, wlast, bvalid, bready, bid;
            wire        arvalid, arready, arid, rvalid, rready, rlast, rid;
            wire [63:0] awaddr, araddr;
            wire [7:0]  awlen, arlen;
            wire [2:0]  awsize, arsize;
            wire [1:0]  awburst, arburst, bresp, rresp;
            wire [DATA_WIDTH-1:0]   wdata, rdata;
            wire [DATA_WIDTH/8-1:0] wstrb;

            wire        rx_tvalid, rx_tlast, rx_tuser;
            wire [DATA_WIDTH-1:0]   rx_tdata;
            wire [DATA_WIDTH/8-1:0] rx_tkeep;

            wire        irq, irq_at_cpu, verdict_valid, low_water;
            wire [2:0]  verdict;
            wire [8:0]  taken;
            wire [15:0] completions;
            wire [31:0] completion_data, sent_words, verdict_count;

            assign wake[3*n +: 3] = {low_water, completions[0], irq_at_cpu};
            assign status[128*n +: 128] = 
                {6'd0, taken, irq_at_cpu, completions, completion_data, verdict_count, sent_words};

            nic nic (
                .clk(clk),
                .rst(rst),
                .s_axil__awaddr(axil_awaddr),
                .s_axil__awprot(3'b000),
                .s_axil__awvalid(axil_awvalid),
                .s_axil__awready(axil_awready),
                .s_axil__wdata(axil_wdata),
                .s_axil__wstrb(4'b1111),
                .s_axil__wvalid(axil_wvalid),
                .s_axil__wready(axil_wready),
                .s_axil__bresp(axil_bresp),
                .s_axil__bvalid(axil_bvalid),
                .s_axil__bready(1'b1),
                .s_axil__araddr(axil_araddr),
                .s_axil__arprot(3'b000),
                .s_axil__arvalid(axil_arvalid),
                .s_axil__arready(axil_arready),
                .s_axil__rdata(axil_rdata),
                .s_axil__rresp(axil_rresp),
                .s_axil__rvalid(axil_rvalid),
                .s_axil__rready(1'b1),
                .m_axi__awid(awid),
                .m_axi__awaddr(awaddr),
                .m_axi__awlen(awlen),
                .m_axi__awsize(awsize),
                .m_axi__awburst(awburst),
                .m_axi__awvalid(awvalid),
                .m_axi__awready(awready),
                .m_axi__wdata(wdata),
                .m_axi__wstrb(wstrb),
                .m_axi__wlast(wlast),
                .m_axi__wvalid(wvalid),
                .m_axi__wready(wready),
                .m_axi__bid(bid),
                .m_axi__bresp(bresp),
                .m_axi__bvalid(bvalid),
                .m_axi__bready(bready),
                .m_axi__arid(arid),
                .m_axi__araddr(araddr),
                .m_axi__arlen(arlen),
                .m_axi__arsize(arsize),
                .m_axi__arburst(arburst),
                .m_axi__arvalid(arvalid),
                .m_axi__arready(arready),
                .m_axi__rid(rid),
                .m_axi__rdata(rdata),
                .m_axi__rresp(rresp),
                .m_axi__rlast(rlast),
                .m_axi__rvalid(rvalid),
                .m_axi__rready(rready),
                .s_axis_rx__tdata(rx_tdata),
                .s_axis_rx__tkeep(rx_tkeep),
                .s_axis_rx__tlast(rx_tlast),
                .s_axis_rx__tuser(rx_tuser),
                .s_axis_rx__tvalid(rx_tvalid),
                .s_axis_rx__tready(),
                .irq(irq),
                .link_up(link_up[n]),
                .rx_verdict_valid(verdict_valid),
                .rx_verdict(verdict)
            );

            mmio_port mmio (
                .clk(clk),
                .cycle(cycle),
                .request_cycles(mmio_request_cycles),
                .completion_cycles(mmio_completion_cycles),
                .awvalid(axil_awvalid),
                .awready(axil_awready),
                .awaddr(axil_awaddr),
                .wvalid(axil_wvalid),
                .wready(axil_wready),
                .wdata(axil_wdata),
                .bvalid(axil_bvalid),
                .bresp(axil_bresp),
                .arvalid(axil_arvalid),
                .arready(axil_arready),
                .araddr(axil_araddr),
                .rvalid(axil_rvalid),
                .rdata(axil_rdata),
                .rresp(axil_rresp),
                .taken(taken),
                .completions(completions),
                .completion_data(completion_data)
            );

            irq_line line (
                .clk(clk),
                .cycle(cycle),
                .delay_cycles(mmio_completion_cycles),
                .irq(irq),
                .level(irq_at_cpu)
            );

            dma_port #(.DATA_WIDTH(DATA_WIDTH), .MEMORY_BYTES(MEMORY_BYTES)) dma (
                .clk(clk),
                .cycle(cycle),
                .read_cycles(dma_read_cycles),
                .write_cycles(dma_write_cycles),
                .awvalid(awvalid),
                .awready(awready),
                .awid(awid),
                .awaddr(awaddr),
                .awlen(awlen),
                .awsize(awsize),
                .awburst(awburst),
                .wvalid(wvalid),
                .wready(wready),
                .wdata(wdata),
                .wstrb(wstrb),
                .wlast(wlast),
                .bvalid(bvalid),
                .bready(bready),
                .bid(bid),
                .bresp(bresp),
                .arvalid(arvalid),
                .arready(arready),
                .arid(arid),
                .araddr(araddr),
                .arlen(arlen),
                .arsize(arsize),
                .arburst(arburst),
                .rvalid(rvalid),
                .rready(rready),
                .rid(rid),
                .rdata(rdata),
                .rlast(rlast),
                .rresp(rresp)
            );

            wire_source #(.DATA_WIDTH(DATA_WIDTH)) source (
                .clk(clk),
                .cycle(cycle),
                .tvalid(rx_tvalid),
                .tdata(rx_tdata),
                .tkeep(rx_tkeep),
                .tlast(rx_tlast),
                .tuser(rx_tuser),
                .sent_words(sent_words),
                .low_water(low_water)
            );

            verdict_log verdicts (
                .clk(clk),
                .valid(verdict_valid),
                .verdict({1'b0, verdict}),
                .count(verdict_count)
            );
        end
    endgenerate
endmodule

`default_nettype wire
