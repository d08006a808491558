"""Exercise 31: several queues, with a vector each."""

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
)
from driver.kernel.io import Iomem, readl, writel
from driver.kernel.irq import IrqReturn, free_irq, irq_set_affinity, request_irq, synchronize_irq
from driver.kernel.net.dev import netif_receive_skb
from driver.kernel.net.napi import Napi, napi_complete_done, napi_disable, napi_enable, napi_schedule, netif_napi_add
from driver.kernel.net.netdevice import NetDevice, NetDeviceOps, netif_carrier_on, register_netdev
from driver.kernel.net.skbuff import SkBuff, build_skb
from driver.kernel.pci import (
    PCI_IRQ_MSIX,
    PciDev,
    pci_alloc_irq_vectors,
    pci_enable_device,
    pci_free_irq_vectors,
    pci_irq_vector,
)
from driver.kernel.timer import usleep_range
from hdl.nic.layouts import RxDescriptor, RxStatus
from hdl.nic.regmap import (
    CTRL,
    EIAC,
    EIAM,
    EIMC,
    EIMS,
    GPIE,
    IVAR,
    MRQC,
    RCTL,
    RDBAH,
    RDBAL,
    RDH,
    RDLEN,
    RDT,
    RETA,
    RSSRK,
    RXDCTL,
    STATUS,
)

QUEUES = 2
RING = 128  # descriptors of each queue
BUFFER = FragAllocator.SIZE  # bytes: RCTL.BSIZE 0

DESC = RxDescriptor.as_shape().size // 8
LENGTH_AT = RxDescriptor.as_shape()["length"].offset // 8
STATUS_AT = RxDescriptor.as_shape()["status"].offset // 8
DD = 1 << RxStatus.as_shape()["DD"].offset

ALL_VECTORS = (1 << QUEUES) - 1
RSS = 2  # MRQC.MODE


@dataclass(eq=False)
class QVector:
    """A receive queue, its vector and its NAPI instance (struct igb_q_vector)."""

    adapter: Adapter
    number: int
    napi: Napi
    desc: CoherentMemory | None = None
    buffers: list[int] = field(default_factory=lambda: [0] * RING)
    next_to_use: int = 0
    next_to_clean: int = 0

    @property
    def unused(self) -> int:
        """Slots that could be given to the device; one stays empty."""
        return (self.next_to_clean - self.next_to_use - 1) % RING


@dataclass(eq=False)
class Adapter:
    """One device (struct igb_adapter)."""

    netdev: NetDevice
    pdev: PciDev
    hw: Iomem
    q_vectors: list[QVector] = field(default_factory=list)
    down: bool = True


# --- interrupt and poll -----------------------------------------------------------------------------------------------


async def igb_msix_ring(_irq: int, dev_id: object) -> IrqReturn:
    """Handler of one vector: it is nobody else's, and has masked and cleared itself."""
    napi_schedule(cast(QVector, dev_id).napi)
    return IrqReturn.HANDLED


async def igb_poll(napi: Napi, budget: int) -> int:
    """poll() of one queue."""
    adapter = cast(Adapter, cast(NetDevice, napi.dev).priv)
    q_vector = next(found for found in adapter.q_vectors if found.napi is napi)
    work_done = await igb_clean_rx_irq(q_vector, budget)
    if work_done < budget and await napi_complete_done(napi, work_done) and not adapter.down:
        await writel(1 << q_vector.number, adapter.hw + EIMS.offset)
    return work_done


async def igb_clean_rx_irq(q_vector: QVector, budget: int) -> int:
    """Hand up to ``budget`` packets of a queue to the stack and refill it; returns how many."""
    costs = q_vector.adapter.pdev.machine.costs
    work_done = 0
    while work_done < budget:
        skb = igb_rx_skb(q_vector)
        if skb is None:
            break
        await spend(costs.rx_packet + costs.skb_alloc)
        skb.napi_id = q_vector.napi.id
        await netif_receive_skb(skb)
        work_done += 1
    if work_done:
        await igb_alloc_rx_buffers(q_vector)
    return work_done


# --- the receive rings: as in part 2, one for each queue --------------------------------------------------------------


def igb_rx_skb(q_vector: QVector) -> SkBuff | None:
    """Take the next packet off a queue's ring; None if the device has not finished one."""
    slot, pdev = q_vector.next_to_clean, q_vector.adapter.pdev
    desc = cast(CoherentMemory, q_vector.desc)
    if slot == q_vector.next_to_use or not desc.read(slot * DESC + STATUS_AT, 1)[0] & DD:
        return None
    dma_rmb()
    length = int.from_bytes(desc.read(slot * DESC + LENGTH_AT, 2), "little")
    buffer, q_vector.buffers[slot] = q_vector.buffers[slot], 0
    dma_unmap_single(pdev, buffer, BUFFER, DmaDirection.FROM_DEVICE)
    q_vector.next_to_clean = (slot + 1) % RING
    return build_skb(buffer, length, q_vector.adapter.netdev)


async def igb_alloc_rx_buffers(q_vector: QVector) -> None:
    """Give the device a buffer in every slot that it may have, then tell it."""
    pdev = q_vector.adapter.pdev
    for _ in range(q_vector.unused):
        buffer = pdev.machine.frags.alloc()
        dma = dma_map_single(pdev, buffer, BUFFER, DmaDirection.FROM_DEVICE)
        if dma_mapping_error(pdev, dma):
            break
        slot = q_vector.next_to_use
        q_vector.buffers[slot] = buffer
        cast(CoherentMemory, q_vector.desc).write(slot * DESC, struct.pack("<Q8x", dma))
        q_vector.next_to_use = (slot + 1) % RING
    dma_wmb()
    await writel(q_vector.next_to_use, q_vector.adapter.hw + RDT.at_queue(q_vector.number))


# --- probe, open, stop ------------------------------------------------------------------------------------------------


async def e1000_probe(pdev: PciDev) -> NetDevice:
    """Take over a device with several queues (igb_probe) and register its interface."""
    pci_enable_device(pdev)
    netdev = NetDevice(pdev.machine, "", Ops(), None, driver="igb", parent=pdev)
    adapter = netdev.priv = Adapter(netdev, pdev, pdev.iomap())
    for number in range(QUEUES):
        adapter.q_vectors.append(QVector(adapter, number, netif_napi_add(netdev, igb_poll)))
    register_netdev(netdev)
    return netdev


async def igb_setup_mrqc(adapter: Adapter) -> None:
    """Spread flows over the queues: the key of the hash, the table that it looks into, and what is hashed."""
    hw, key = adapter.hw, adapter.pdev.machine.random.randbytes(4 * RSSRK.count)
    for index in range(RSSRK.count):
        await writel(int.from_bytes(key[4 * index : 4 * index + 4], "little"), hw + RSSRK.at(index))
    for index in range(RETA.count):
        await writel(RETA.QUEUE1.put(1) | RETA.QUEUE3.put(1), hw + RETA.at(index))  # queues 0, 1, 0, 1
    await writel(MRQC.MODE.put(RSS) | MRQC.IPV4 | MRQC.UDPIPV4, hw + MRQC.offset)


async def igb_configure_msix(adapter: Adapter) -> None:
    """Vector n for queue n, which masks and clears itself when it fires."""
    hw = adapter.hw
    await writel(GPIE.MULTIPLE_MSIX | GPIE.EIAME, hw + GPIE.offset)
    for q_vector in adapter.q_vectors:
        number = q_vector.number
        await writel(IVAR.RX_VECTOR.put(number) | IVAR.RX_VALID, hw + IVAR.at(number))
    await writel(ALL_VECTORS, hw + EIAC.offset)
    await writel(ALL_VECTORS, hw + EIAM.offset)


async def igb_request_msix(adapter: Adapter) -> int:
    """A handler for each vector, each on a CPU of its own."""
    error = pci_alloc_irq_vectors(adapter.pdev, QUEUES, QUEUES, PCI_IRQ_MSIX)
    if error < 0:
        return error
    for q_vector in adapter.q_vectors:
        irq = pci_irq_vector(adapter.pdev, q_vector.number)
        error = request_irq(irq, igb_msix_ring, 0, f"{adapter.netdev.name}-rx-{q_vector.number}", q_vector)
        if error:
            return error
        irq_set_affinity(adapter.pdev.machine, irq, 1 << q_vector.number)
    return 0


async def igb_open(netdev: NetDevice) -> int:
    """Rings, receiver, vectors, NAPI, unmask."""
    adapter = cast(Adapter, netdev.priv)
    hw = adapter.hw
    await writel(await readl(hw + CTRL.offset) | CTRL.SLU, hw + CTRL.offset)
    for q_vector in adapter.q_vectors:
        q_vector.desc = dma_alloc_coherent(adapter.pdev, RING * DESC)
        if q_vector.desc is None:
            return -12
        for register, value in (
            (RDBAL, q_vector.desc.dma & RDBAL.BASE),
            (RDBAH, q_vector.desc.dma >> 32),
            (RDLEN, RING * DESC),
            (RDH, 0),
            (RDT, 0),
            (RXDCTL, RXDCTL.ENABLE),
        ):
            await writel(value, hw + register.at_queue(q_vector.number))
    await igb_setup_mrqc(adapter)
    await igb_configure_msix(adapter)
    await writel(RCTL.EN | RCTL.UPE | RCTL.MPE | RCTL.BAM | RCTL.SECRC, hw + RCTL.offset)
    for q_vector in adapter.q_vectors:
        await igb_alloc_rx_buffers(q_vector)
    error = await igb_request_msix(adapter)
    if error:
        return error
    adapter.down = False
    for q_vector in adapter.q_vectors:
        napi_enable(q_vector.napi)
    await writel(ALL_VECTORS, hw + EIMS.offset)
    netif_carrier_on(netdev)
    return 0


async def igb_close(netdev: NetDevice) -> int:
    """Receiver off, mask, and then queue by queue: NAPI, handler, buffers and ring."""
    adapter = cast(Adapter, netdev.priv)
    adapter.down = True
    await writel(0, adapter.hw + RCTL.offset)
    await writel(EIMC.writable, adapter.hw + EIMC.offset)
    await readl(adapter.hw + STATUS.offset)
    await usleep_range(10, 20)  # frames on their way to memory get there
    for q_vector in adapter.q_vectors:
        await synchronize_irq(pci_irq_vector(adapter.pdev, q_vector.number))
        await napi_disable(q_vector.napi)
    for q_vector in adapter.q_vectors:
        await free_irq(pci_irq_vector(adapter.pdev, q_vector.number), q_vector)
    pci_free_irq_vectors(adapter.pdev)
    for q_vector in adapter.q_vectors:
        for slot, buffer in enumerate(q_vector.buffers):
            if buffer:
                dma_unmap_single(adapter.pdev, buffer, BUFFER, DmaDirection.FROM_DEVICE)
                adapter.pdev.machine.frags.free(buffer)
                q_vector.buffers[slot] = 0
        q_vector.next_to_use = q_vector.next_to_clean = 0
        dma_free_coherent(adapter.pdev, cast(CoherentMemory, q_vector.desc))
    return 0


class Ops(NetDeviceOps):
    """igb_netdev_ops; what is not here does nothing."""

    async def ndo_open(self, dev: NetDevice) -> int:
        """Ip link set DEV up."""
        return await igb_open(dev)

    async def ndo_stop(self, dev: NetDevice) -> int:
        """Ip link set DEV down."""
        return await igb_close(dev)
