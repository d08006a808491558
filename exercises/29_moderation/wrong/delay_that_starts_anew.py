"""Exercise 29: interrupt moderation, and its price in latency."""

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
from driver.kernel.irq import IRQF_SHARED, IrqReturn, free_irq, request_irq, synchronize_irq
from driver.kernel.net.dev import netif_receive_skb
from driver.kernel.net.napi import (
    Napi,
    __napi_schedule,
    napi_complete_done,
    napi_disable,
    napi_enable,
    napi_schedule_prep,
    netif_napi_add,
)
from driver.kernel.net.netdevice import NetDevice, NetDeviceOps, netif_carrier_on, register_netdev
from driver.kernel.net.skbuff import SkBuff, build_skb
from driver.kernel.pci import PciDev, pci_enable_device
from driver.kernel.timer import usleep_range
from hdl.nic.layouts import RxDescriptor, RxStatus
from hdl.nic.regmap import CTRL, ICR, IMC, IMS, RCTL, RDBAH, RDBAL, RDH, RDLEN, RDT, RDTR, STATUS

RING = 256  # descriptors
BUFFER = FragAllocator.SIZE  # bytes: RCTL.BSIZE 0

DESC = RxDescriptor.as_shape().size // 8
LENGTH_AT = RxDescriptor.as_shape()["length"].offset // 8
STATUS_AT = RxDescriptor.as_shape()["status"].offset // 8
DD = 1 << RxStatus.as_shape()["DD"].offset

RX_CAUSES = ICR.RXT0 | ICR.RXO | ICR.RXDMT0


@dataclass(eq=False)
class Adapter:
    """One device (struct e1000_adapter)."""

    netdev: NetDevice
    pdev: PciDev
    hw: Iomem
    napi: Napi
    desc: CoherentMemory | None = None
    buffers: list[int] = field(default_factory=lambda: [0] * RING)
    next_to_use: int = 0
    next_to_clean: int = 0

    @property
    def unused(self) -> int:
        """Slots that could be given to the device; one stays empty (E1000_DESC_UNUSED)."""
        return (self.next_to_clean - self.next_to_use - 1) % RING


# --- interrupt and poll -----------------------------------------------------------------------------------------------


async def e1000_intr(_irq: int, dev_id: object) -> IrqReturn:
    """Interrupt handler."""
    adapter = cast(Adapter, dev_id)
    icr = await readl(adapter.hw + ICR.offset)  # acknowledges all causes
    if not icr & RX_CAUSES:
        return IrqReturn.NONE
    if napi_schedule_prep(adapter.napi):
        await writel(RX_CAUSES, adapter.hw + IMC.offset)
        await readl(adapter.hw + STATUS.offset)  # the write has landed: the line is low
        __napi_schedule(adapter.napi)
    return IrqReturn.HANDLED


async def e1000_clean(napi: Napi, budget: int) -> int:
    """poll()."""
    adapter = cast(Adapter, cast(NetDevice, napi.dev).priv)
    work_done = await e1000_clean_rx_irq(adapter, budget)
    if work_done < budget and await napi_complete_done(napi, work_done):
        await writel(RX_CAUSES, adapter.hw + IMS.offset)
    return work_done


async def e1000_clean_rx_irq(adapter: Adapter, budget: int) -> int:
    """Hand up to ``budget`` packets to the stack and refill the ring; returns how many."""
    costs = adapter.pdev.machine.costs
    work_done = 0
    while work_done < budget:
        skb = e1000_rx_skb(adapter)
        if skb is None:
            break
        await spend(costs.rx_packet + costs.skb_alloc)
        await netif_receive_skb(skb)
        work_done += 1
    if work_done:
        await e1000_alloc_rx_buffers(adapter)
    return work_done


# --- the receive ring: as in part 2 -----------------------------------------------------------------------------------


def e1000_rx_skb(adapter: Adapter) -> SkBuff | None:
    """Take the next packet off the ring; None if the device has not finished one."""
    slot = adapter.next_to_clean
    desc = cast(CoherentMemory, adapter.desc)
    if slot == adapter.next_to_use or not desc.read(slot * DESC + STATUS_AT, 1)[0] & DD:
        return None
    dma_rmb()
    length = int.from_bytes(desc.read(slot * DESC + LENGTH_AT, 2), "little")
    buffer, adapter.buffers[slot] = adapter.buffers[slot], 0
    dma_unmap_single(adapter.pdev, buffer, BUFFER, DmaDirection.FROM_DEVICE)
    adapter.next_to_clean = (slot + 1) % RING
    return build_skb(buffer, length, adapter.netdev)


async def e1000_alloc_rx_buffers(adapter: Adapter) -> None:
    """Give the device a buffer in every slot that it may have, then tell it."""
    for _ in range(adapter.unused):
        buffer = adapter.pdev.machine.frags.alloc()
        dma = dma_map_single(adapter.pdev, buffer, BUFFER, DmaDirection.FROM_DEVICE)
        if dma_mapping_error(adapter.pdev, dma):
            break
        slot = adapter.next_to_use
        adapter.buffers[slot] = buffer
        cast(CoherentMemory, adapter.desc).write(slot * DESC, struct.pack("<Q8x", dma))
        adapter.next_to_use = (slot + 1) % RING
    dma_wmb()
    await writel(adapter.next_to_use, adapter.hw + RDT.offset)


# --- probe, open, stop ------------------------------------------------------------------------------------------------


async def e1000_probe(pdev: PciDev) -> NetDevice:
    """Take over a device and register its interface."""
    pci_enable_device(pdev)
    netdev = NetDevice(pdev.machine, "", Ops(), None, driver="e1000", parent=pdev)
    netdev.priv = Adapter(netdev, pdev, pdev.iomap(), netif_napi_add(netdev, e1000_clean))
    register_netdev(netdev)
    return netdev


async def e1000_open(netdev: NetDevice) -> int:
    """Rings, handler, NAPI, unmask."""
    adapter = cast(Adapter, netdev.priv)
    hw = adapter.hw
    adapter.desc = dma_alloc_coherent(adapter.pdev, RING * DESC)
    if adapter.desc is None:
        return -12
    await writel(await readl(hw + CTRL.offset) | CTRL.SLU, hw + CTRL.offset)
    for register, value in (
        (RDBAL, adapter.desc.dma & RDBAL.BASE),
        (RDBAH, adapter.desc.dma >> 32),
        (RDLEN, RING * DESC),
        (RDH, 0),
        (RDT, 0),
        (RDTR, 122),  # 125 us after the last packet
        (RCTL, RCTL.EN | RCTL.UPE | RCTL.MPE | RCTL.BAM | RCTL.SECRC),
    ):
        await writel(value, hw + register.offset)
    await e1000_alloc_rx_buffers(adapter)
    error = request_irq(adapter.pdev.irq, e1000_intr, IRQF_SHARED, netdev.name, adapter)
    if error:
        return error
    napi_enable(adapter.napi)
    await writel(RX_CAUSES, hw + IMS.offset)
    netif_carrier_on(netdev)
    return 0


async def e1000_close(netdev: NetDevice) -> int:
    """Receiver off, mask, NAPI off, handler gone, ring gone."""
    adapter = cast(Adapter, netdev.priv)
    await writel(0, adapter.hw + RCTL.offset)
    await writel(IMC.writable, adapter.hw + IMC.offset)
    await readl(adapter.hw + STATUS.offset)
    await usleep_range(10, 20)  # frames on their way to memory get there
    await synchronize_irq(adapter.pdev.irq)
    await napi_disable(adapter.napi)
    await free_irq(adapter.pdev.irq, adapter)
    for slot, buffer in enumerate(adapter.buffers):
        if buffer:
            dma_unmap_single(adapter.pdev, buffer, BUFFER, DmaDirection.FROM_DEVICE)
            adapter.pdev.machine.frags.free(buffer)
            adapter.buffers[slot] = 0
    adapter.next_to_use = adapter.next_to_clean = 0
    dma_free_coherent(adapter.pdev, cast(CoherentMemory, adapter.desc))
    return 0


class Ops(NetDeviceOps):
    """e1000_netdev_ops; what is not here does nothing."""

    async def ndo_open(self, dev: NetDevice) -> int:
        """Ip link set DEV up."""
        return await e1000_open(dev)

    async def ndo_stop(self, dev: NetDevice) -> int:
        """Ip link set DEV down."""
        return await e1000_close(dev)
