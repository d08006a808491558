// The NIC's PHY: a gigabit transceiver of the M88E1000 family with an IEEE 802.3 clause 22 management interface.
//
// It negotiates when it comes out of reset, when software asks for it and when a partner appears: the link is down for
// NEGOTIATION_CYCLES, then up at 1000 Mb/s and full duplex. It begins with the link up. `partner` may be written from
// outside: whether somebody is at the other end of the cable.
`timescale 1ns/1ps
`default_nettype none

module phy #(
    parameter [4:0] ADDRESS = 5'd1,
    parameter NEGOTIATION_CYCLES = 6250  // 50 us, for the seconds of a real one
) (
    input  wire        clk,
    input  wire [63:0] cycle,              // number of the coming rising edge
    input  wire        reset,
    input  wire        mdc,
    input  wire        mdio_driven,        // by the station
    input  wire        mdio_from_station,
    output wire        mdio,               // the line, pulled up
    output wire        link_up
);
    reg partner = 1'b1;

    // --- Registers (802.3 22.2.4, 40.5.1; 16 and up are the family's) -----------------------------------------------

    localparam CONTROL = 0, STATUS = 1, ID1 = 2, ID2 = 3, ADVERTISE = 4, PARTNER = 5, EXPANSION = 6, GIGABIT_CONTROL = 9,
               GIGABIT_STATUS = 10, EXTENDED_STATUS = 15, SPECIFIC_STATUS = 17;
    localparam RESET_BIT = 15, POWER_DOWN_BIT = 11, RESTART_BIT = 9;

    function [15:0] at_reset(input [4:0] register);
        case (register)
            CONTROL: at_reset = 16'h1140;          // negotiates; 1000 Mb/s, full duplex
            ADVERTISE: at_reset = 16'h01e1;
            7: at_reset = 16'h2001;
            GIGABIT_CONTROL: at_reset = 16'h0300;
            16: at_reset = 16'h0068;
            20: at_reset = 16'h0d60;
            default: at_reset = 16'h0000;
        endcase
    endfunction

    function [15:0] writable(input [4:0] register);
        case (register)
            CONTROL: writable = 16'h7dc0;
            ADVERTISE, 7, GIGABIT_CONTROL, 16, 18, 20, 24, 25, 29, 30: writable = 16'hffff;
            default: writable = 16'h0000;
        endcase
    endfunction

    reg [15:0] stored [0:31];
    reg        link = 1'b1;
    reg        link_failed = 1'b0;  // since STATUS was read
    reg        negotiating = 1'b0;
    reg [63:0] link_at = 64'd0;     // number of the edge at which it is over
    integer    i;
    initial for (i = 0; i < 32; i = i + 1) stored[i] = at_reset(i[4:0]);

    assign link_up = link;

    function [15:0] value(input [4:0] register);
        case (register)
            STATUS: value = 16'h7949 | (link ? 16'h0020 : 16'h0000) | (link && !link_failed ? 16'h0004 : 16'h0000);
            ID1: value = 16'h0141;
            ID2: value = 16'h0c20;
            PARTNER: value = link ? 16'h45e1 : 16'h0000;
            EXPANSION: value = link ? 16'h0003 : 16'h0000;
            GIGABIT_STATUS: value = link ? 16'h3c00 : 16'h0000;
            EXTENDED_STATUS: value = 16'h3000;
            SPECIFIC_STATUS: value = link ? 16'hac00 : 16'h0000;
            default: value = stored[register];
        endcase
    endfunction

    // --- Management frames: ones, then start, opcode, addresses of PHY and register, turnaround, data ------------------

    localparam [1:0] WRITE = 2'b01, READ = 2'b10;
    localparam ADDRESSES_END = 13, TURNAROUND = 14, DATA_END = 31;  // numbers of bits, from the start on

    reg [4:0]  bits = 5'd0;       // that have come of a frame
    reg [15:0] last_bits = 16'd0;
    reg        selected = 1'b0;
    reg [1:0]  opcode = READ;
    reg [4:0]  number = 5'd0;     // of the register
    reg [15:0] data = 16'd0;
    reg        accesses = 1'b0;   // toggles at the end of each access to a register
    reg        driving = 1'b0;
    reg        driven_to = 1'b1;

    assign mdio = mdio_driven ? mdio_from_station : driving ? driven_to : 1'b1;

    wire [15:0] with_this = {last_bits[14:0], mdio};

    always @(posedge mdc) begin
        last_bits <= with_this;
        if (bits == 0) bits <= {4'd0, !mdio};
        else if (bits == 1) bits <= mdio ? 5'd2 : 5'd0;
        else bits <= bits + 5'd1;

        if (bits == ADDRESSES_END) begin
            opcode <= with_this[11:10];
            selected <= with_this[9:5] == ADDRESS;
            number <= with_this[4:0];
            if (with_this[11:10] == READ) data <= value(with_this[4:0]);
        end
        if (bits >= TURNAROUND && bits < DATA_END && selected && opcode == READ) begin
            driving <= 1'b1;
            driven_to <= bits == TURNAROUND ? 1'b0 : data[15];
            if (bits != TURNAROUND) data <= {data[14:0], 1'b0};
        end
        if (bits == DATA_END) begin
            driving <= 1'b0;
            if (opcode == WRITE) data <= with_this;
            if (selected) accesses <= !accesses;
        end
    end

    // --- Registers change, and the link ---------------------------------------------------------------------------------

    reg accesses_seen = 1'b0;
    reg was_reset = 1'b0;
    reg had_partner = 1'b1;
    reg negotiate;      // anew
    reg clear;          // all registers
    reg power_down;

    wire stirred = accesses != accesses_seen || reset != was_reset;
    wire active = stirred || partner != had_partner || negotiating;
    wire gated;
    clock_gate gate (.clk(clk), .enable(active), .gated(gated));

    always @(posedge gated)
        if (stirred || partner != had_partner || (negotiating && link_at <= cycle)) begin
            accesses_seen <= accesses;
            was_reset <= reset;
            had_partner <= partner;
            negotiate = reset != was_reset || partner != had_partner;
            clear = reset;
            power_down = stored[CONTROL][POWER_DOWN_BIT];
            if (accesses != accesses_seen && opcode == READ && number == STATUS) link_failed <= 1'b0;
            if (accesses != accesses_seen && opcode == WRITE) begin
                stored[number] <= (data & writable(number)) | (stored[number] & ~writable(number));
                if (number == CONTROL) begin
                    clear = clear || data[RESET_BIT];
                    negotiate = negotiate || data[RESET_BIT] || data[RESTART_BIT] || data[POWER_DOWN_BIT] != power_down;
                    power_down = data[POWER_DOWN_BIT];
                end
            end
            if (clear) begin
                for (i = 0; i < 32; i = i + 1) stored[i] <= at_reset(i[4:0]);
                power_down = 1'b0;
            end
            if (negotiate) begin
                link <= 1'b0;
                if (link) link_failed <= 1'b1;
                negotiating <= partner && !reset && !power_down;
                link_at <= cycle + NEGOTIATION_CYCLES;
            end else if (negotiating && link_at <= cycle) begin
                link <= 1'b1;
                negotiating <= 1'b0;
            end
        end
endmodule

`default_nettype wire
