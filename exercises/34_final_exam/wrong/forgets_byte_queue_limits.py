"""Exercise 34, the final exam: a driver that receives and sends."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import cast

from driver.kernel.cpu import spend
from driver.kernel.dma import (
    CoherentMemory,
    DmaDirection,
    FragAllocator,
    dma_alloc_coherent,
    dma_free_coherent,
    dma_map_single,
    dma_mapping_error,
    dma_rmb,
    dma_unmap_single,
    dma_wmb,
    smp_mb,
)
from driver.kernel.io import Iomem, readl, writel
from driver.kernel.irq import IRQF_SHARED, IrqReturn, free_irq, request_irq, synchronize_irq
from driver.kernel.net.dev import netif_receive_skb
from driver.kernel.net.hard_start_xmit import NETDEV_TX_BUSY, NETDEV_TX_OK
from driver.kernel.net.napi import (
    Napi,
    __napi_schedule,
    napi_complete_done,
    napi_disable,
    napi_enable,
    napi_schedule_prep,
    netif_napi_add,
)
from driver.kernel.net.netdev_queue import (
    netdev_reset_queue,
    netdev_sent_queue,
    netif_queue_stopped,
    netif_start_queue,
    netif_stop_queue,
    netif_tx_disable,
    netif_wake_queue,
)
from driver.kernel.net.netdevice import NetDevice, NetDeviceOps, netif_carrier_on, register_netdev
from driver.kernel.net.skbuff import SkBuff, build_skb, kfree_skb_reason
from driver.kernel.net.xmit import napi_consume_skb
from driver.kernel.pci import PciDev, pci_enable_device
from driver.kernel.timer import usleep_range
from hdl.nic.layouts import RxDescriptor, RxStatus, TxCommand, TxDescriptor, TxStatus
from hdl.nic.regmap import (
    CTRL,
    ICR,
    IMC,
    IMS,
    RCTL,
    RDBAH,
    RDBAL,
    RDH,
    RDLEN,
    RDT,
    STATUS,
    TCTL,
    TDBAH,
    TDBAL,
    TDH,
    TDLEN,
    TDT,
    TIPG,
)

RING = 128  # descriptors of each ring
BUFFER = FragAllocator.SIZE

DESC = RxDescriptor.as_shape().size // 8
LENGTH_AT = RxDescriptor.as_shape()["length"].offset // 8
RX_STATUS_AT = RxDescriptor.as_shape()["status"].offset // 8
RX_DD = 1 << RxStatus.as_shape()["DD"].offset
TX_STATUS_AT = TxDescriptor.as_shape()["status"].offset // 8
TX_DD = 1 << TxStatus.as_shape()["DD"].offset
COMMAND = sum(1 << TxCommand.as_shape()[name].offset for name in ("EOP", "IFCS", "RS"))

CAUSES = ICR.RXT0 | ICR.RXO | ICR.RXDMT0 | ICR.TXDW
ENOMEM = 12


class Ring:
    """A ring and what is on it: the device owns the descriptors from next_to_clean to next_to_use."""

    def __init__(self) -> None:
        self.memory: CoherentMemory | None = None
        self.next_to_use = self.next_to_clean = 0

    @property
    def desc(self) -> CoherentMemory:
        """Memory of the descriptors; only while the interface is up."""
        assert self.memory is not None
        return self.memory

    @property
    def unused(self) -> int:
        """Slots that could be given to the device; one stays empty (E1000_DESC_UNUSED)."""
        return (self.next_to_clean - self.next_to_use - 1) % RING

    def done(self, status_at: int, dd: int) -> bool:
        """Whether the device has finished the next descriptor to clean."""
        slot = self.next_to_clean
        return slot != self.next_to_use and bool(self.desc.read(slot * DESC + status_at, 1)[0] & dd)

    def take(self) -> int:
        """The next slot to clean, which is cleaned with that."""
        slot = self.next_to_clean
        self.next_to_clean = (slot + 1) % RING
        return slot

    def put(self, descriptor: bytes) -> int:
        """Write the next descriptor to use; returns its slot."""
        slot = self.next_to_use
        self.desc.write(slot * DESC, descriptor)
        self.next_to_use = (slot + 1) % RING
        return slot


@dataclass(eq=False)
class Adapter:
    """One device (struct e1000_adapter)."""

    netdev: NetDevice
    pdev: PciDev
    hw: Iomem
    napi: Napi
    rx: Ring = field(default_factory=Ring)
    tx: Ring = field(default_factory=Ring)
    buffers: list[int] = field(default_factory=lambda: [0] * RING)
    skbs: list[SkBuff | None] = field(default_factory=lambda: [None] * RING)
    down: bool = True
    rx_dropped: int = 0


# --- interrupt and poll -----------------------------------------------------------------------------------------------


async def e1000_intr(_irq: int, dev_id: object) -> IrqReturn:
    """Interrupt handler: mask, schedule."""
    adapter = cast(Adapter, dev_id)
    icr = await readl(adapter.hw + ICR.offset)
    if not icr & CAUSES or icr == 0xFFFF_FFFF:
        return IrqReturn.NONE
    if napi_schedule_prep(adapter.napi):
        await writel(CAUSES, adapter.hw + IMC.offset)
        await readl(adapter.hw + STATUS.offset)
        __napi_schedule(adapter.napi)
    return IrqReturn.HANDLED


async def e1000_clean(napi: Napi, budget: int) -> int:
    """poll(): reclaim what was sent; take up to ``budget`` packets; complete, and unmask if the kernel agrees."""
    adapter = cast(Adapter, cast(NetDevice, napi.dev).priv)
    await e1000_clean_tx_irq(adapter, budget)
    if not budget:
        return 0
    work_done = await e1000_clean_rx_irq(adapter, budget)
    if work_done < budget and await napi_complete_done(napi, work_done) and not adapter.down:
        await writel(CAUSES, adapter.hw + IMS.offset)
    return work_done


# --- receive ----------------------------------------------------------------------------------------------------------


async def e1000_clean_rx_irq(adapter: Adapter, budget: int) -> int:
    """Hand up to ``budget`` packets to the stack, each only if its slot gets a new buffer; returns how many it took."""
    costs, frags, ring = adapter.pdev.machine.costs, adapter.pdev.machine.frags, adapter.rx
    work_done = 0
    while work_done < budget and ring.done(RX_STATUS_AT, RX_DD):
        dma_rmb()
        slot = ring.take()
        work_done += 1
        fresh = frags.alloc()
        if not fresh:
            adapter.rx_dropped += 1  # its buffer stays in the ring
            continue
        length = int.from_bytes(ring.desc.read(slot * DESC + LENGTH_AT, 2), "little")
        buffer, adapter.buffers[slot] = adapter.buffers[slot], fresh
        dma_unmap_single(adapter.pdev, buffer, BUFFER, DmaDirection.FROM_DEVICE)
        dma_mapping_error(adapter.pdev, dma_map_single(adapter.pdev, fresh, BUFFER, DmaDirection.FROM_DEVICE))
        await spend(costs.rx_packet + costs.skb_alloc)
        skb = build_skb(buffer, length, adapter.netdev)
        skb.napi_id = adapter.napi.id
        await netif_receive_skb(skb)
    if work_done:
        await e1000_alloc_rx_buffers(adapter)
    return work_done


async def e1000_alloc_rx_buffers(adapter: Adapter) -> None:
    """Give the device every slot that it may have, then tell it; each has a buffer since open."""
    for _ in range(adapter.rx.unused):
        adapter.rx.put(struct.pack("<Q8x", adapter.buffers[adapter.rx.next_to_use]))
    dma_wmb()
    await writel(adapter.rx.next_to_use, adapter.hw + RDT.offset)


def e1000_setup_rx_buffers(adapter: Adapter) -> bool:
    """Get a buffer for every slot, also for the one that stays empty; false if there is no memory."""
    for slot in range(RING):
        buffer = adapter.pdev.machine.frags.alloc()
        if not buffer:
            return False
        dma_mapping_error(adapter.pdev, dma_map_single(adapter.pdev, buffer, BUFFER, DmaDirection.FROM_DEVICE))
        adapter.buffers[slot] = buffer
    return True


# --- transmit ---------------------------------------------------------------------------------------------------------


async def e1000_xmit_frame(skb: SkBuff, netdev: NetDevice) -> int:
    """ndo_start_xmit: put a packet on the ring and tell the device."""
    adapter = cast(Adapter, netdev.priv)
    ring = adapter.tx
    await spend(adapter.pdev.machine.costs.tx_packet)
    if not ring.unused:
        netif_stop_queue(netdev)
        return NETDEV_TX_BUSY  # never, since the queue is stopped before
    dma = dma_map_single(adapter.pdev, skb.head, skb.len, DmaDirection.TO_DEVICE)
    if dma_mapping_error(adapter.pdev, dma):
        kfree_skb_reason(skb, "NOT_SPECIFIED")
        return NETDEV_TX_OK
    adapter.skbs[ring.next_to_use] = skb
    ring.put(struct.pack("<QHBBBBH", dma, skb.len, 0, COMMAND, 0, 0, 0))
    netdev_sent_queue(netdev, skb.len)
    if not ring.unused:
        netif_stop_queue(netdev)
        await smp_mb()
        if ring.unused:  # reclaimed before the queue was stopped: nobody will wake it
            netif_start_queue(netdev)
    dma_wmb()
    await writel(ring.next_to_use, adapter.hw + TDT.offset)
    return NETDEV_TX_OK


async def e1000_clean_tx_irq(adapter: Adapter, budget: int) -> None:
    """Free what the device has sent, and wake the queue if there is room again."""
    packets = 0
    while adapter.tx.done(TX_STATUS_AT, TX_DD):
        dma_rmb()
        skb = e1000_take_skb(adapter)
        packets += 1
        napi_consume_skb(skb, budget)
    if packets and netif_queue_stopped(adapter.netdev) and not adapter.down:
        netif_wake_queue(adapter.netdev)
    await spend(packets * adapter.pdev.machine.costs.tx_clean)


def e1000_take_skb(adapter: Adapter) -> SkBuff:
    """Take the oldest packet off the ring, unmapped."""
    slot = adapter.tx.take()
    skb, adapter.skbs[slot] = cast(SkBuff, adapter.skbs[slot]), None
    dma_unmap_single(adapter.pdev, skb.head, skb.len, DmaDirection.TO_DEVICE)
    return skb


# --- probe, open, stop ------------------------------------------------------------------------------------------------


async def e1000_probe(pdev: PciDev) -> NetDevice:
    """Take over a device and register its interface."""
    pci_enable_device(pdev)
    netdev = NetDevice(pdev.machine, "", Ops(), None, driver="e1000", parent=pdev)
    netdev.priv = Adapter(netdev, pdev, pdev.iomap(), netif_napi_add(netdev, e1000_clean))
    register_netdev(netdev)
    return netdev


async def e1000_configure(adapter: Adapter) -> None:
    """Program both rings, fill the receive ring, turn receiver and transmitter on."""
    hw, rx, tx = adapter.hw, adapter.rx.desc.dma, adapter.tx.desc.dma
    await writel(await readl(hw + CTRL.offset) | CTRL.SLU, hw + CTRL.offset)
    for register, value in (
        (TDBAL, tx & TDBAL.BASE),
        (TDBAH, tx >> 32),
        (TDLEN, RING * DESC),
        (TDH, 0),
        (TDT, 0),
        (TIPG, TIPG.IPGT.put(8) | TIPG.IPGR1.put(8) | TIPG.IPGR2.put(6)),
        (TCTL, TCTL.EN | TCTL.PSP | TCTL.CT.put(15) | TCTL.COLD.put(64)),
        (RDBAL, rx & RDBAL.BASE),
        (RDBAH, rx >> 32),
        (RDLEN, RING * DESC),
        (RDH, 0),
        (RDT, 0),
        (RCTL, RCTL.EN | RCTL.UPE | RCTL.MPE | RCTL.BAM | RCTL.SECRC),
    ):
        await writel(value, hw + register.offset)
    await e1000_alloc_rx_buffers(adapter)


async def e1000_open(netdev: NetDevice) -> int:
    """Rings, handler, NAPI, unmask, queue."""
    adapter = cast(Adapter, netdev.priv)
    for ring in (adapter.tx, adapter.rx):
        ring.memory = dma_alloc_coherent(adapter.pdev, RING * DESC)
        ring.next_to_use = ring.next_to_clean = 0
    if adapter.tx.memory is None or adapter.rx.memory is None or not e1000_setup_rx_buffers(adapter):
        e1000_free_rings(adapter)
        return -ENOMEM
    await e1000_configure(adapter)
    error = request_irq(adapter.pdev.irq, e1000_intr, IRQF_SHARED, netdev.name, adapter)
    if error:
        return error
    adapter.down = False
    napi_enable(adapter.napi)
    await writel(CAUSES, adapter.hw + IMS.offset)
    netif_carrier_on(netdev)
    netif_start_queue(netdev)
    return 0


async def e1000_close(netdev: NetDevice) -> int:
    """Queue, DMA, interrupt and NAPI off; then handler, packets, buffers and rings are given back."""
    adapter = cast(Adapter, netdev.priv)
    adapter.down = True
    await netif_tx_disable(netdev)
    await writel(0, adapter.hw + RCTL.offset)
    await writel(0, adapter.hw + TCTL.offset)
    await writel(IMC.writable, adapter.hw + IMC.offset)
    await readl(adapter.hw + STATUS.offset)
    await usleep_range(50, 60)  # what is on its way to memory or to the wire
    await synchronize_irq(adapter.pdev.irq)
    await napi_disable(adapter.napi)
    await writel(CTRL.RST, adapter.hw + CTRL.offset)  # what the transmitter still holds is never sent
    await usleep_range(2, 5)
    await free_irq(adapter.pdev.irq, adapter)
    e1000_free_rings(adapter)
    netdev_reset_queue(netdev)
    return 0


def e1000_free_rings(adapter: Adapter) -> None:
    """Free what is on the rings, and the rings."""
    while adapter.tx.next_to_clean != adapter.tx.next_to_use:
        kfree_skb_reason(e1000_take_skb(adapter), "NOT_SPECIFIED")
    for slot, buffer in enumerate(adapter.buffers):
        if buffer:
            dma_unmap_single(adapter.pdev, buffer, BUFFER, DmaDirection.FROM_DEVICE)
            adapter.pdev.machine.frags.free(buffer)
        adapter.buffers[slot] = 0
    for ring in (adapter.tx, adapter.rx):
        if ring.memory is not None:
            dma_free_coherent(adapter.pdev, ring.memory)
        ring.memory = None


class Ops(NetDeviceOps):
    """e1000_netdev_ops; what is not here does nothing."""

    async def ndo_open(self, dev: NetDevice) -> int:
        """Ip link set DEV up."""
        return await e1000_open(dev)

    async def ndo_stop(self, dev: NetDevice) -> int:
        """Ip link set DEV down."""
        return await e1000_close(dev)

    async def ndo_start_xmit(self, skb: SkBuff, dev: NetDevice) -> int:
        """Send a packet."""
        return await e1000_xmit_frame(skb, dev)
