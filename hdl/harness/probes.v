// The kernel's state for the waveform: nets that nobody reads, cut out of one vector that is written in one go.
//
// emulator/probes.py holds the same layout: the CPUs from bit 0 up, then the NICs, each from its lowest field up.
`timescale 1ns/1ps
`default_nettype none

module probes #(
    parameter CPUS = 1,
    parameter NICS = 1
);
    localparam CPU_BITS = 32, NIC_BITS = 64;

    reg [CPUS*CPU_BITS+NICS*NIC_BITS-1:0] values = 0;

    genvar n;
    generate
        for (n = 0; n < CPUS; n = n + 1) begin : cpu
            wire [CPU_BITS-1:0] value = values[n*CPU_BITS +: CPU_BITS];
            wire [2:0]  runs = value[2:0];              // emulator.probes.CpuRuns
            wire [9:0]  softirq_pending = value[12:3];  // a bit for each vector
            wire [3:0]  poll_list = value[16:13];       // NAPI instances scheduled on this CPU
            wire [11:0] backlog = value[28:17];         // packets between netif_rx and netif_receive_skb
        end

        for (n = 0; n < NICS; n = n + 1) begin : nic
            wire [NIC_BITS-1:0] value = values[CPUS*CPU_BITS+n*NIC_BITS +: NIC_BITS];
            wire        napi_in_poll = value[0];
            wire [8:0]  napi_budget = value[9:1];      // of the present or last poll
            wire [8:0]  napi_work_done = value[18:10];  // of the last poll
            wire [11:0] next_to_clean = value[30:19];   // ring indices of the driver
            wire [11:0] next_to_use = value[42:31];
            wire        napi_sched = value[43];         // state bits in the kernel's order, NAPI_STATE_*
            wire        napi_missed = value[44];
            wire        napi_disable = value[45];
            wire        napi_npsvc = value[46];
            wire        napi_listed = value[47];
            wire        napi_no_busy_poll = value[48];
            wire        napi_in_busy_poll = value[49];
            wire        napi_prefer_busy_poll = value[50];
            wire        napi_threaded = value[51];
            wire        napi_sched_threaded = value[52];
            wire        napi_has_notifier = value[53];
            wire        napi_threaded_busy_poll = value[54];
        end
    endgenerate
endmodule

`default_nettype wire
