// The NIC between a wire that plays a schedule of beats, one row per clock, a wire that takes what it sends at the same
// rate, and a memory of fixed latency that is always ready. cocotb drives the register port and `play`; what the memory
// holds goes to a file on `dump`.
//
// Plusargs: +schedule=FILE rows of {tlast, tkeep, tdata} in hex, no beat where tkeep is 0;
//           +image=FILE what memory holds at first, hex; +result=FILE, +words=N for the dump; +latency=CLOCKS;
//           +sent=FILE for what the NIC sends, a line of hex for each beat, with "end" behind each frame.
`timescale 1ns/1ps
`default_nettype none

module line_rate_bench #(
    parameter WORDS = 1 << 23
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

    // --- The same memory for transmission ------------------------------------------------------------------------
    wire [63:0] t_awaddr, t_wdata, t_araddr;
    wire [7:0] t_awlen, t_wstrb, t_arlen;
    wire t_awvalid, t_wvalid, t_wlast, t_arvalid, t_rready;
    reg [31:0] t_b_due [0:63], t_ar [0:63], t_ar_due [0:63];
    reg [8:0] t_ar_beats [0:63];
    reg [5:0] t_b_in = 0, t_b_out = 0, t_ar_in = 0, t_ar_out = 0;
    reg [31:0] t_word = 0;
    reg [8:0] t_left = 0;
    reg t_bvalid = 0, t_rvalid = 0, t_rlast = 0;
    reg [63:0] t_rdata = 0;
    reg [63:0] t_merged;
    integer t_lane;

    always @(posedge clk) begin
        if (t_awvalid && t_wvalid) begin  // write-backs are single beats, address and data at once
            t_merged = memory[t_awaddr >> 3];
            for (t_lane = 0; t_lane < 8; t_lane = t_lane + 1)
                if (t_wstrb[t_lane]) t_merged[t_lane*8 +: 8] = t_wdata[t_lane*8 +: 8];
            memory[t_awaddr >> 3] = t_merged;
            t_b_due[t_b_in] <= now + latency;
            t_b_in <= t_b_in + 1;
        end
        if (t_awvalid != t_wvalid) $display("ERROR: %m: a write-back's address and data come apart");
        t_bvalid <= t_b_in != t_b_out && now >= t_b_due[t_b_out];
        if (t_b_in != t_b_out && now >= t_b_due[t_b_out]) t_b_out <= t_b_out + 1;

        if (t_arvalid) begin
            t_ar[t_ar_in] <= t_araddr >> 3;
            t_ar_beats[t_ar_in] <= t_arlen + 1;
            t_ar_due[t_ar_in] <= now + latency;
            t_ar_in <= t_ar_in + 1;
        end
        if (!t_rvalid || t_rready) begin
            t_rvalid <= t_left != 0;
            t_rdata <= memory[t_word];
            t_rlast <= t_left == 1;
            if (t_left != 0) begin
                t_left <= t_left - 1;
                t_word <= t_word + 1;
            end
            if (t_left < 2 && t_ar_in != t_ar_out && now >= t_ar_due[t_ar_out]) begin
                t_word <= t_ar[t_ar_out];
                t_left <= t_ar_beats[t_ar_out];
                t_ar_out <= t_ar_out + 1;
            end
        end
    end

    // --- The wire out: 8 bytes a clock. A frame starts when it is offered or when the gap of the one before is over ---
    wire [63:0] s_tdata;
    wire [7:0] s_tkeep;
    wire s_tvalid, s_tlast;
    reg [31:0] free = 0, offered = 0, begins, ends, sent_frames = 0, late_frames = 0;  // times in bytes
    localparam FILLING = 16;  // frames that are not looked at: there is nothing in the FIFO when they are fetched
    reg waiting = 0, inside_frame = 0;
    wire s_tready = inside_frame || 8 * now >= free;
    reg [15:0] bytes = 0;
    integer sent, s_lane;
    always @(posedge clk) begin
        if (s_tvalid && !s_tready && !waiting) begin
            waiting <= 1;
            offered <= 8 * now;
        end
        if (s_tvalid && s_tready) begin
            if (!inside_frame) begin
                begins = waiting ? offered : 8 * now;
                if (begins < free) begins = free;
                if (begins > free && sent_frames >= FILLING) late_frames <= late_frames + 1;
                bytes = 0;
                waiting <= 0;
            end
            for (s_lane = 0; s_lane < 8; s_lane = s_lane + 1) bytes = bytes + {15'd0, s_tkeep[s_lane]};
            inside_frame <= !s_tlast;
            $fdisplay(sent, "%h %h", s_tkeep, s_tdata);
            if (s_tlast) begin
                $fdisplay(sent, "end");
                free <= begins + 8 + bytes + 12;
                sent_frames <= sent_frames + 1;
            end
        end
        if (inside_frame && !s_tvalid) $display("ERROR: %m: the NIC has nothing to send in the middle of a frame");
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
        .m_axi_tx__awaddr(t_awaddr), .m_axi_tx__awlen(t_awlen), .m_axi_tx__awvalid(t_awvalid), .m_axi_tx__awready(1'b1),
        .m_axi_tx__wdata(t_wdata), .m_axi_tx__wstrb(t_wstrb), .m_axi_tx__wlast(t_wlast), .m_axi_tx__wvalid(t_wvalid),
        .m_axi_tx__wready(1'b1),
        .m_axi_tx__bid(1'b0), .m_axi_tx__bresp(2'b0), .m_axi_tx__bvalid(t_bvalid),
        .m_axi_tx__araddr(t_araddr), .m_axi_tx__arlen(t_arlen), .m_axi_tx__arvalid(t_arvalid),
        .m_axi_tx__arready(1'b1),
        .m_axi_tx__rid(1'b0), .m_axi_tx__rdata(t_rdata), .m_axi_tx__rresp(2'b0), .m_axi_tx__rlast(t_rlast),
        .m_axi_tx__rvalid(t_rvalid), .m_axi_tx__rready(t_rready),
        .m_axis_tx__tdata(s_tdata), .m_axis_tx__tkeep(s_tkeep), .m_axis_tx__tlast(s_tlast),
        .m_axis_tx__tvalid(s_tvalid), .m_axis_tx__tready(s_tready),
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
        if ($value$plusargs("sent=%s", path)) sent = $fopen(path, "w");
    end
    always @(posedge dump) begin
        $fflush(sent);
        if ($value$plusargs("result=%s", path) && $value$plusargs("words=%d", words)) $writememh(path, memory, 0, words - 1);
    end
endmodule

`default_nettype wire
