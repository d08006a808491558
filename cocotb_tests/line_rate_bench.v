// The NIC between a wire that plays a schedule of beats, one row per clock, and a memory of fixed latency that is
// always ready. cocotb drives the register port and `play`; what the memory holds goes to a file on `dump`.
//
// Plusargs: +schedule=FILE rows of {tlast, tkeep, tdata} in hex, no beat where tkeep is 0;
//           +image=FILE what memory holds at first, hex; +result=FILE, +words=N for the dump; +latency=CLOCKS.
`timescale 1ns/1ps
`default_nettype none

module line_rate_bench #(
    parameter WORDS = 1 << 20
);
    reg clk = 0;
    always #3.2 clk = ~clk;  // 156.25 MHz: 64 bits of it are 10 Gb/s
    reg rst = 1;

    // --- Register port: driven by cocotb -----------------------------------------------------------------------
    reg [16:0] awaddr = 0, araddr = 0;
    reg awvalid = 0, wvalid = 0, bready = 1, arvalid = 0, rready = 1;
    reg [31:0] wdata = 0;
    wire awready, wready, bvalid, arready, rvalid;
    wire [31:0] rdata;

    // --- Wire --------------------------------------------------------------------------------------------------
    integer schedule, fields;
    reg play = 0, played = 0;
    reg [63:0] tdata = 0;
    reg [7:0] tkeep = 0;
    reg tlast = 0;
    wire tvalid = tkeep[0];
    reg [72:0] row;
    always @(posedge clk)
        if (play && !played) begin
            fields = $fscanf(schedule, "%h\n", row);
            {tlast, tkeep, tdata} <= row;
            played <= $feof(schedule);
        end

    // --- Memory ------------------------------------------------------------------------------------------------
    bit [63:0] memory [0:WORDS-1];  // starts as zeros
    reg [31:0] latency = 100, now = 0;
    wire [63:0] m_awaddr, m_wdata, m_araddr;
    wire [7:0] m_awlen, m_wstrb, m_arlen;
    wire m_awvalid, m_wvalid, m_wlast, m_arvalid;
    reg [31:0] aw [0:63], b_due [0:63], ar [0:63], ar_due [0:63];
    reg [8:0] ar_beats [0:63];
    reg [5:0] aw_in = 0, aw_out = 0, b_in = 0, b_out = 0, ar_in = 0, ar_out = 0;
    reg [31:0] w_word = 0, r_word = 0;
    reg [8:0] r_left = 0;
    reg w_first = 1, m_bvalid = 0, m_rvalid = 0, m_rlast = 0;
    reg [63:0] m_rdata = 0;
    reg [31:0] word;
    reg [63:0] merged;
    reg [31:0] ring_words = 0;  // the ring is at the start of memory
    reg [31:0] payload_beats = 0, writeback_beats = 0;
    integer lane;

    always @(posedge clk) begin
        now <= now + 1;
        if (m_awvalid) begin
            aw[aw_in] <= m_awaddr >> 3;
            aw_in <= aw_in + 1;
        end
        if (m_wvalid) begin
            word = w_first ? aw[aw_out] : w_word;
            merged = m_wdata;
            if (!(&m_wstrb)) begin
                merged = memory[word];
                for (lane = 0; lane < 8; lane = lane + 1)
                    if (m_wstrb[lane]) merged[lane*8 +: 8] = m_wdata[lane*8 +: 8];
            end
            memory[word] = merged;
            if (word < ring_words) writeback_beats <= writeback_beats + 1;
            else payload_beats <= payload_beats + 1;
            w_word <= word + 1;
            w_first <= m_wlast;
            if (m_wlast) begin
                aw_out <= aw_out + 1;
                b_due[b_in] <= now + latency;
                b_in <= b_in + 1;
            end
        end
        m_bvalid <= b_in != b_out && now >= b_due[b_out];
        if (b_in != b_out && now >= b_due[b_out]) b_out <= b_out + 1;

        if (m_arvalid) begin
            ar[ar_in] <= m_araddr >> 3;
            ar_beats[ar_in] <= m_arlen + 1;
            ar_due[ar_in] <= now + latency;
            ar_in <= ar_in + 1;
        end
        m_rvalid <= r_left != 0;
        m_rdata <= memory[r_word];
        m_rlast <= r_left == 1;
        if (r_left != 0) begin
            r_left <= r_left - 1;
            r_word <= r_word + 1;
        end
        if (r_left < 2 && ar_in != ar_out && now >= ar_due[ar_out]) begin
            r_word <= ar[ar_out];
            r_left <= ar_beats[ar_out];
            ar_out <= ar_out + 1;
        end
    end

    // verilator lint_off PINMISSING
    nic nic (  // without the outputs that this bench does not look at
        .clk(clk), .rst(rst), .link_up(1'b1), .eedo(1'b0), .mdio_i(1'b1),
        .mac__pause__ready(1'b0), .mac__events(9'b0),
        .s_axil__awaddr(awaddr), .s_axil__awprot(3'b0), .s_axil__awvalid(awvalid), .s_axil__awready(awready),
        .s_axil__wdata(wdata), .s_axil__wstrb(4'hf), .s_axil__wvalid(wvalid), .s_axil__wready(wready),
        .s_axil__bvalid(bvalid), .s_axil__bready(bready),
        .s_axil__araddr(araddr), .s_axil__arprot(3'b0), .s_axil__arvalid(arvalid), .s_axil__arready(arready),
        .s_axil__rdata(rdata), .s_axil__rvalid(rvalid), .s_axil__rready(rready),
        .m_axi_rx__awaddr(m_awaddr), .m_axi_rx__awlen(m_awlen), .m_axi_rx__awvalid(m_awvalid), .m_axi_rx__awready(1'b1),
        .m_axi_rx__wdata(m_wdata), .m_axi_rx__wstrb(m_wstrb), .m_axi_rx__wlast(m_wlast), .m_axi_rx__wvalid(m_wvalid),
        .m_axi_rx__wready(1'b1),
        .m_axi_rx__bid(1'b0), .m_axi_rx__bresp(2'b0), .m_axi_rx__bvalid(m_bvalid),
        .m_axi_rx__araddr(m_araddr), .m_axi_rx__arlen(m_arlen), .m_axi_rx__arvalid(m_arvalid), .m_axi_rx__arready(1'b1),
        .m_axi_rx__rid(1'b0), .m_axi_rx__rdata(m_rdata), .m_axi_rx__rresp(2'b0), .m_axi_rx__rlast(m_rlast),
        .m_axi_rx__rvalid(m_rvalid),
        .m_axi_tx__awready(1'b0), .m_axi_tx__wready(1'b0),
        .m_axi_tx__bid(1'b0), .m_axi_tx__bresp(2'b0), .m_axi_tx__bvalid(1'b0), .m_axi_tx__arready(1'b0),
        .m_axi_tx__rid(1'b0), .m_axi_tx__rdata(64'b0), .m_axi_tx__rresp(2'b0), .m_axi_tx__rlast(1'b0),
        .m_axi_tx__rvalid(1'b0),
        .m_axis_tx__tready(1'b0),
        .s_axis_rx__tdata(tdata), .s_axis_rx__tkeep(tkeep), .s_axis_rx__tlast(tlast), .s_axis_rx__tuser(1'b0),
        .s_axis_rx__tvalid(tvalid)
    );
    // verilator lint_on PINMISSING

    // --- Files -------------------------------------------------------------------------------------------------
    reg [8*512-1:0] path;
    reg [31:0] words;
    reg dump = 0;
    initial begin
        if ($value$plusargs("schedule=%s", path)) schedule = $fopen(path, "r");
        if ($value$plusargs("image=%s", path)) $readmemh(path, memory);
        if ($value$plusargs("latency=%d", latency)) ;
    end
    always @(posedge dump)
        if ($value$plusargs("result=%s", path) && $value$plusargs("words=%d", words)) $writememh(path, memory, 0, words - 1);
endmodule

`default_nettype wire
