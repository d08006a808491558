// The NIC's microwire EEPROM: 64 words of 16 bits, a device of the 93C46 family (read, write, write enable and disable).
//
// It takes a bit when SK rises. A command is a start bit, an opcode of two bits and six bits of address; a read answers
// with a zero bit and the word, the highest bit first, and goes on with the next word. A write takes no time. `words` may
// be written from outside; at first they hold the MAC address 02:0e:10:00:00:STATION and what a driver checks (SDM 5.6):
// the signature in word 10, the IDs, and in word 63 what makes all of them add up to 16'hbaba.
`timescale 1ns/1ps
`default_nettype none

module eeprom #(
    parameter [7:0] STATION = 8'd0
) (
    input  wire cs,
    input  wire sk,
    input  wire di,
    output reg  dout = 1'b1  // high while there is nothing to say, and when a write is over
);
    localparam [1:0] OTHER = 2'b00, WRITE = 2'b01, READ = 2'b10;
    localparam [1:0] DISABLE = 2'b00, ENABLE = 2'b11;  // highest bits of the address of an OTHER command
    localparam COMMAND_BITS = 9, WORD_BITS = 16;

    reg [15:0] words [0:63];

    integer i;
    initial begin
        for (i = 0; i < 64; i = i + 1) words[i] = 16'hffff;
        words[0] = 16'h0e02;
        words[1] = 16'h0010;
        words[2] = {STATION, 8'h00};
        words[10] = 16'h4408;
        words[11] = 16'h001e;
        words[12] = 16'h8086;
        words[13] = 16'h100e;
        words[14] = 16'h8086;
        words[15] = 16'h3040;
        words[63] = 16'hbaba;
        for (i = 0; i < 63; i = i + 1) words[63] = words[63] - words[i];
    end

    reg        started = 1'b0;
    reg        enabled = 1'b0;   // writes are
    reg [4:0]  bits = 5'd0;      // taken since the start bit, it among them; from COMMAND_BITS on of a word
    reg [1:0]  opcode = OTHER;
    reg [5:0]  address = 6'd0;
    reg [15:0] word = 16'd0;     // being written or read

    wire       in_command = bits < COMMAND_BITS;
    wire       command_ends = bits == COMMAND_BITS - 1;
    wire       word_ends = bits == COMMAND_BITS + WORD_BITS - 1;
    wire [5:0] new_address = {address[4:0], di};

    always @(posedge sk or negedge cs)
        if (!cs) begin
            started <= 1'b0;
            bits <= 5'd0;
            dout <= 1'b1;
        end else if (!started) begin
            started <= di;
            bits <= {4'd0, di};
        end else if (in_command) begin
            bits <= bits + 5'd1;
            if (bits < 3) opcode <= {opcode[0], di};
            else address <= new_address;
            if (command_ends && opcode == OTHER && new_address[5:4] == ENABLE) enabled <= 1'b1;
            if (command_ends && opcode == OTHER && new_address[5:4] == DISABLE) enabled <= 1'b0;
            if (command_ends && opcode == READ) begin
                dout <= 1'b0;
                word <= words[new_address];
            end
        end else if (opcode == READ) begin
            {dout, word} <= {word, 1'b0};
            bits <= word_ends ? COMMAND_BITS : bits + 5'd1;
            if (word_ends) begin
                word <= words[address + 6'd1];
                address <= address + 6'd1;
            end
        end else if (opcode == WRITE && !word_ends) begin
            word <= {word[14:0], di};
            bits <= bits + 5'd1;
        end else if (opcode == WRITE) begin
            if (enabled) words[address] <= {word[14:0], di};
            started <= 1'b0;
            bits <= 5'd0;
        end
endmodule

`default_nettype wire
