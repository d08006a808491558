// The board at work with no Python attached: frames come in, interrupts are handled, descriptors are given back.
//
// It does to the hardware what a driver does, in few accesses: at an interrupt read ICR and RDH, and move RDT up behind
// RDH; the addresses in the descriptors stay as they are. The parameters and files come from emulator/bench.
`timescale 1ns/1ps

module bare_board #(
    parameter SETUP_WRITES = 1,
    parameter RING_WORDS = 1,   // of host memory, from address 0
    parameter FRAME_WORDS = 1,
    parameter FRAMES = 1,
    parameter DESCRIPTORS = 256,
    parameter [16:0] ICR = 0, RDH = 0, RDT = 0,
    parameter MMIO_REQUEST = 1, MMIO_COMPLETION = 1, DMA_READ = 1, DMA_WRITE = 1
);
    localparam WIRE_WORDS = 4096;

    reg [63:0]  setup [0:SETUP_WRITES-1];   // address, data
    reg [511:0] ring [0:RING_WORDS-1];
    reg [511:0] frames [0:FRAME_WORDS-1];
    reg [8:0]   issued = 9'd0;
    integer     loaded = 0;
    integer     n;
    reg [63:0]  first_cycle;
    reg [31:0]  value;

    board board ();

    task request(input write, input [16:0] address, input [31:0] data);
        begin
            board.core.slot[0].mmio.requests[issued[7:0]] = {!issued[8], write, address, data};
            issued = issued + 9'd1;
        end
    endtask

    task read(input [16:0] address);
        reg [15:0] earlier;
        begin
            earlier = board.core.slot[0].completions;
            request(1'b0, address, 32'd0);
            wait (board.core.slot[0].completions != earlier);
            #0.5 value = board.core.slot[0].completion_data;
        end
    endtask

    task load_frames;
        begin
            while (loaded < FRAME_WORDS && loaded - board.core.slot[0].sent_words < WIRE_WORDS) begin
                board.core.slot[0].source.words[loaded % WIRE_WORDS] = frames[loaded];
                loaded = loaded + 1;
            end
            board.core.slot[0].source.queued_words = loaded;
        end
    endtask

    task service_interrupt;
        begin
            read(ICR);
            read(RDH);
            request(1'b1, RDT, (value + DESCRIPTORS - 1) % DESCRIPTORS);
        end
    endtask

    initial begin
        board.core.mmio_request_cycles = MMIO_REQUEST;
        board.core.mmio_completion_cycles = MMIO_COMPLETION;
        board.core.dma_read_cycles = DMA_READ;
        board.core.dma_write_cycles = DMA_WRITE;
        $readmemh("setup.hex", setup);
        $readmemh("ring.hex", ring);
        $readmemh("frames.hex", frames);
        #10 for (n = 0; n < RING_WORDS; n = n + 1) board.core.memory.words[n] = ring[n];
        for (n = 0; n < SETUP_WRITES; n = n + 1) request(1'b1, setup[n][48:32], setup[n][31:0]);
        #20000 first_cycle = board.core.cycle;
        $display("START");
        $fflush;
        load_frames;
        while (board.core.slot[0].verdict_count < FRAMES) begin
            if (board.core.slot[0].irq_at_cpu)
                service_interrupt;
            else
                @(board.wake);
            load_frames;
        end
        $display("END %0d", board.core.cycle - first_cycle);
        $fflush;
        #10000 read(RDH);
        if (value != FRAMES % DESCRIPTORS)
            $display("ERROR: %0d descriptors were used for %0d frames, modulo %0d", value, FRAMES, DESCRIPTORS);
        $finish;
    end
endmodule
