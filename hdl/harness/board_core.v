// The board without its clock: NICs, host memory, and for each NIC its CPU port, interrupt line, wire and verdict log.
//
// All of it is synchronous to `clk` and free of delays. Whoever plays the CPU writes requests, memory, frames and
// latencies into the blocks by their hierarchical names, between edges, and reads `status`. `wake` has bits that change
// when there is something new for it, four for each NIC: messages of vectors, the wire (low water, or a sent frame has
// arrived), a read completed, the interrupt line.
`timescale 1ns/1ps
`default_nettype none

module board_core #(
    parameter NICS = 1,
    parameter CPUS = 1,
    parameter QUEUES = 1,  // of each NIC, each way
    parameter DATA_WIDTH = 64,
    parameter MEMORY_BYTES = 16 * 1024 * 1024
) (
    input  wire                clk,
    input  wire                rst,
    output wire [4*NICS-1:0]   wake,
    output wire [192*NICS-1:0] status
);
    // Latencies in clock cycles, at least 1; set before the first access.
    reg [15:0] mmio_request_cycles = 16'd1;
    reg [15:0] mmio_completion_cycles = 16'd1;
    reg [15:0] dma_read_cycles = 16'd1;
    reg [15:0] dma_write_cycles = 16'd1;

    reg [63:0] cycle = 64'd0;  // number of the coming rising edge
    always @(posedge clk) cycle <= cycle + 64'd1;

    localparam VECTORS = QUEUES > 1 ? QUEUES + 1 : 1;  // a NIC with one queue has none, and a port that is low

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

            wire        rx_awvalid, rx_awready, rx_awid, rx_wvalid, rx_wready, rx_wlast, rx_bvalid, rx_bready, rx_bid;
            wire        rx_arvalid, rx_arready, rx_arid, rx_rvalid, rx_rready, rx_rlast, rx_rid;
            wire [63:0] rx_awaddr, rx_araddr;
            wire [7:0]  rx_awlen, rx_arlen;
            wire [2:0]  rx_awsize, rx_arsize;
            wire [1:0]  rx_awburst, rx_arburst, rx_bresp, rx_rresp;
            wire [DATA_WIDTH-1:0]   rx_wdata, rx_rdata;
            wire [DATA_WIDTH/8-1:0] rx_wstrb;

            wire        tx_awvalid, tx_awready, tx_awid, tx_wvalid, tx_wready, tx_wlast, tx_bvalid, tx_bready, tx_bid;
            wire        tx_arvalid, tx_arready, tx_arid, tx_rvalid, tx_rready, tx_rlast, tx_rid;
            wire [63:0] tx_awaddr, tx_araddr;
            wire [7:0]  tx_awlen, tx_arlen;
            wire [2:0]  tx_awsize, tx_arsize;
            wire [1:0]  tx_awburst, tx_arburst, tx_bresp, tx_rresp;
            wire [DATA_WIDTH-1:0]   tx_wdata, tx_rdata;
            wire [DATA_WIDTH/8-1:0] tx_wstrb;

            wire        rx_tvalid, rx_tlast, rx_tuser;
            wire [DATA_WIDTH-1:0]   rx_tdata;
            wire [DATA_WIDTH/8-1:0] rx_tkeep;

            wire        tx_tvalid, tx_tready, tx_tlast, tx_tuser, tx_whole, tx_looped, device_reset;
            wire [DATA_WIDTH-1:0]   tx_tdata;
            wire [DATA_WIDTH/8-1:0] tx_tkeep;
            wire [10:0] tx_gap_bytes;

            wire        eesk, eecs, eedi, eedo;
            wire        mdc, mdio_from_nic, mdio_driven, mdio, phy_reset, link_up;

            wire        irq, irq_at_cpu, verdict_valid, low_water, frame_arrived, vectors_changed;
            wire [VECTORS-1:0] fires;
            wire [2:0]  verdict;
            wire [8:0]  taken;
            wire [15:0] completions;
            wire [31:0] completion_data, sent_words, verdict_count, arrived_words, cut_off;

            // The two ends of the wire share a bit of `wake`.
            reg         wire_calls = 1'b0;
            reg  [1:0]  wire_called = 2'b00;
            wire [1:0]  wire_calling = {frame_arrived, low_water};
            always @(posedge clk) if (wire_calling != wire_called) begin
                wire_called <= wire_calling;
                wire_calls <= ~wire_calls;
            end

            assign wake[4*n +: 4] = {vectors_changed, wire_calls, completions[0], irq_at_cpu};
            assign status[192*n +: 192] =
                {cut_off, arrived_words, 5'd0, vectors_changed, taken, irq_at_cpu, completions, completion_data, verdict_count,
                 sent_words};

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
                .m_axi_rx__awid(rx_awid),
                .m_axi_rx__awaddr(rx_awaddr),
                .m_axi_rx__awlen(rx_awlen),
                .m_axi_rx__awsize(rx_awsize),
                .m_axi_rx__awburst(rx_awburst),
                .m_axi_rx__awvalid(rx_awvalid),
                .m_axi_rx__awready(rx_awready),
                .m_axi_rx__wdata(rx_wdata),
                .m_axi_rx__wstrb(rx_wstrb),
                .m_axi_rx__wlast(rx_wlast),
                .m_axi_rx__wvalid(rx_wvalid),
                .m_axi_rx__wready(rx_wready),
                .m_axi_rx__bid(rx_bid),
                .m_axi_rx__bresp(rx_bresp),
                .m_axi_rx__bvalid(rx_bvalid),
                .m_axi_rx__bready(rx_bready),
                .m_axi_rx__arid(rx_arid),
                .m_axi_rx__araddr(rx_araddr),
                .m_axi_rx__arlen(rx_arlen),
                .m_axi_rx__arsize(rx_arsize),
                .m_axi_rx__arburst(rx_arburst),
                .m_axi_rx__arvalid(rx_arvalid),
                .m_axi_rx__arready(rx_arready),
                .m_axi_rx__rid(rx_rid),
                .m_axi_rx__rdata(rx_rdata),
                .m_axi_rx__rresp(rx_rresp),
                .m_axi_rx__rlast(rx_rlast),
                .m_axi_rx__rvalid(rx_rvalid),
                .m_axi_rx__rready(rx_rready),
                .m_axi_tx__awid(tx_awid),
                .m_axi_tx__awaddr(tx_awaddr),
                .m_axi_tx__awlen(tx_awlen),
                .m_axi_tx__awsize(tx_awsize),
                .m_axi_tx__awburst(tx_awburst),
                .m_axi_tx__awvalid(tx_awvalid),
                .m_axi_tx__awready(tx_awready),
                .m_axi_tx__wdata(tx_wdata),
                .m_axi_tx__wstrb(tx_wstrb),
                .m_axi_tx__wlast(tx_wlast),
                .m_axi_tx__wvalid(tx_wvalid),
                .m_axi_tx__wready(tx_wready),
                .m_axi_tx__bid(tx_bid),
                .m_axi_tx__bresp(tx_bresp),
                .m_axi_tx__bvalid(tx_bvalid),
                .m_axi_tx__bready(tx_bready),
                .m_axi_tx__arid(tx_arid),
                .m_axi_tx__araddr(tx_araddr),
                .m_axi_tx__arlen(tx_arlen),
                .m_axi_tx__arsize(tx_arsize),
                .m_axi_tx__arburst(tx_arburst),
                .m_axi_tx__arvalid(tx_arvalid),
                .m_axi_tx__arready(tx_arready),
                .m_axi_tx__rid(tx_rid),
                .m_axi_tx__rdata(tx_rdata),
                .m_axi_tx__rresp(tx_rresp),
                .m_axi_tx__rlast(tx_rlast),
                .m_axi_tx__rvalid(tx_rvalid),
                .m_axi_tx__rready(tx_rready),
                .s_axis_rx__tdata(rx_tdata),
                .s_axis_rx__tkeep(rx_tkeep),
                .s_axis_rx__tlast(rx_tlast),
                .s_axis_rx__tuser(rx_tuser),
                .s_axis_rx__tvalid(rx_tvalid),
                .s_axis_rx__tready(),
                .m_axis_tx__tdata(tx_tdata),
                .m_axis_tx__tkeep(tx_tkeep),
                .m_axis_tx__tlast(tx_tlast),
                .m_axis_tx__tuser(tx_tuser),
                .m_axis_tx__tvalid(tx_tvalid),
                .m_axis_tx__tready(tx_tready),
                .tx_gap_bytes(tx_gap_bytes),
                .tx_whole(tx_whole),
                .tx_looped(tx_looped),
                .device_reset(device_reset),
                .mac__rfce(),
                .mac__station(),
                .mac__pause_address(),
                .mac__pause_type(),
                .mac__pause__payload(),
                .mac__pause__valid(),
                .mac__pause__ready(1'b0),
                .mac__events(9'b0),
                .irq(irq),
                .vectors(fires),
                .link_up(link_up),
                .phy_reset(phy_reset),
                .mdc(mdc),
                .mdio_o(mdio_from_nic),
                .mdio_oe(mdio_driven),
                .mdio_i(mdio),
                .eesk(eesk),
                .eecs(eecs),
                .eedi(eedi),
                .eedo(eedo),
                .rx_verdict_valid(verdict_valid),
                .rx_verdict(verdict)
            );

            eeprom #(.STATION(n)) eeprom (
                .cs(eecs),
                .sk(eesk),
                .di(eedi),
                .dout(eedo)
            );

            phy phy (
                .clk(clk),
                .cycle(cycle),
                .reset(phy_reset),
                .mdc(mdc),
                .mdio_driven(mdio_driven),
                .mdio_from_station(mdio_from_nic),
                .mdio(mdio),
                .link_up(link_up)
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

            vector_lines #(.VECTORS(VECTORS)) vectors (
                .clk(clk),
                .cycle(cycle),
                .delay_cycles(mmio_completion_cycles),
                .fires(fires),
                .changed(vectors_changed)
            );

            dma_port #(.DATA_WIDTH(DATA_WIDTH), .MEMORY_BYTES(MEMORY_BYTES)) rx_dma (
                .clk(clk),
                .cycle(cycle),
                .read_cycles(dma_read_cycles),
                .write_cycles(dma_write_cycles),
                .awvalid(rx_awvalid),
                .awready(rx_awready),
                .awid(rx_awid),
                .awaddr(rx_awaddr),
                .awlen(rx_awlen),
                .awsize(rx_awsize),
                .awburst(rx_awburst),
                .wvalid(rx_wvalid),
                .wready(rx_wready),
                .wdata(rx_wdata),
                .wstrb(rx_wstrb),
                .wlast(rx_wlast),
                .bvalid(rx_bvalid),
                .bready(rx_bready),
                .bid(rx_bid),
                .bresp(rx_bresp),
                .arvalid(rx_arvalid),
                .arready(rx_arready),
                .arid(rx_arid),
                .araddr(rx_araddr),
                .arlen(rx_arlen),
                .arsize(rx_arsize),
                .arburst(rx_arburst),
                .rvalid(rx_rvalid),
                .rready(rx_rready),
                .rid(rx_rid),
                .rdata(rx_rdata),
                .rlast(rx_rlast),
                .rresp(rx_rresp)
            );

            dma_port #(.DATA_WIDTH(DATA_WIDTH), .MEMORY_BYTES(MEMORY_BYTES)) tx_dma (
                .clk(clk),
                .cycle(cycle),
                .read_cycles(dma_read_cycles),
                .write_cycles(dma_write_cycles),
                .awvalid(tx_awvalid),
                .awready(tx_awready),
                .awid(tx_awid),
                .awaddr(tx_awaddr),
                .awlen(tx_awlen),
                .awsize(tx_awsize),
                .awburst(tx_awburst),
                .wvalid(tx_wvalid),
                .wready(tx_wready),
                .wdata(tx_wdata),
                .wstrb(tx_wstrb),
                .wlast(tx_wlast),
                .bvalid(tx_bvalid),
                .bready(tx_bready),
                .bid(tx_bid),
                .bresp(tx_bresp),
                .arvalid(tx_arvalid),
                .arready(tx_arready),
                .arid(tx_arid),
                .araddr(tx_araddr),
                .arlen(tx_arlen),
                .arsize(tx_arsize),
                .arburst(tx_arburst),
                .rvalid(tx_rvalid),
                .rready(tx_rready),
                .rid(tx_rid),
                .rdata(tx_rdata),
                .rlast(tx_rlast),
                .rresp(tx_rresp)
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

            wire_sink #(.DATA_WIDTH(DATA_WIDTH)) sink (
                .clk(clk),
                .cycle(cycle),
                .tvalid(tx_tvalid),
                .tready(tx_tready),
                .tdata(tx_tdata),
                .tkeep(tx_tkeep),
                .tlast(tx_tlast),
                .tuser(tx_tuser),
                .gap_bytes(tx_gap_bytes),
                .whole(tx_whole),
                .looped(tx_looped),
                .nic_reset(device_reset),
                .arrived_words(arrived_words),
                .arrived(frame_arrived),
                .cut_off(cut_off)
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
