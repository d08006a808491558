"""What things cost: CPU time of the kernel model and latencies of the board, in ns.

The kernel never carries a cost of its own; emulator/costs/*.toml are the named profiles, with a source for each figure.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """A cost profile; every figure is in ns.

    Attributes:
        irq_entry: from the interrupt taken to the first line of the handler.
        irq_exit: from the handler's return to the interrupted code.
        mmio_write: issuing a posted write. (A read stalls its CPU for as long as bus and device take.)
        softirq: one pass of handle_softirqs besides what it runs.
        net_rx_action: one invocation besides the polls.
        napi_poll: one call of a poll function besides its packets, completion included.
        rx_packet: the driver's work on one received packet: descriptor, unmap, refill.
        skb_alloc: allocating and freeing an skb.
        napi_gro_receive: GRO's work on one packet, besides its checksum.
        csum_partial: summing up 1,024 bytes for a checksum.
        netif_rx: enqueueing one skb to the backlog.
        process_backlog: dequeueing one skb from the backlog.
        netif_receive_skb: the stack's work on one packet, from the driver to where it ends.
        syscall: entering the kernel and leaving it again.
        recvmsg: taking one datagram off a socket, besides its copy.
        epoll_wait: looking at one file that may be ready.
        copy: copying 1,024 bytes between user and kernel.
        ip_output: making and routing one packet that is sent, from sendmsg or ICMP to dev_queue_xmit.
        get_rps_cpu: dissecting and hashing one packet, and looking up its CPU.
        cpu_relax: one round of a loop that polls something.
        dev_queue_xmit: the core's work on one packet that is sent, from dev_queue_xmit to ndo_start_xmit.
        tx_packet: the driver's work to send one packet: map, descriptor.
        tx_clean: the driver's work to reclaim one packet that was sent: descriptor, unmap, free.
        smp_mb: a full memory barrier.
        wakeup: waking a thread.
        context_switch: from one thread to another.
        ipi: sending an interrupt to another CPU, until it is there.
        mmio_request: from the CPU to the device's port.
        mmio_completion: from the device back to the CPU; changes of the interrupt line take as long.
        dma_read: from a DMA read's address to its first data.
        dma_write: from a DMA write's last data to its response.
    """

    irq_entry: int
    irq_exit: int
    mmio_write: int
    softirq: int
    net_rx_action: int
    napi_poll: int
    rx_packet: int
    skb_alloc: int
    napi_gro_receive: int
    csum_partial: int
    netif_rx: int
    process_backlog: int
    netif_receive_skb: int
    syscall: int
    recvmsg: int
    epoll_wait: int
    copy: int
    ip_output: int
    get_rps_cpu: int
    cpu_relax: int
    dev_queue_xmit: int
    tx_packet: int
    tx_clean: int
    smp_mb: int
    wakeup: int
    context_switch: int
    ipi: int
    mmio_request: int
    mmio_completion: int
    dma_read: int
    dma_write: int
