"""Exercise 17: a bug hunt: now and then the last packet of a burst is late, or never comes."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import cast

from driver.kernel.dma import (
    CoherentMemory,
    DmaDirection,
    dma_alloc_coherent,
    dma_free_coherent,
    dma_map_single,
    dma_mapping_error,
    dma_rmb,
    dma_set_mask_and_coherent,
    dma_unmap_single,
    dma_wmb,
)
from driver.kernel.io import Iomem, readl, writel
from driver.kernel.irq import IRQF_SHARED, IrqReturn, free_irq, request_irq
from driver.kernel.net.dev import netif_rx
from driver.kernel.net.netdevice import NetDevice, register_netdev
from driver.kernel.net.skbuff import build_skb
from driver.kernel.pci import PciDev, pci_enable_device
from driver.kernel.timer import usleep_range
from hdl.nic.regmap import (
    CTRL,
    ICR,
    ICS,
    IMC,
    IMS,
    RAH,
    RAL,
    RCTL,
    RDBAH,
    RDBAL,
    RDH,
    RDLEN,
    RDT,
    STATUS,
    Register,
)

#: Descriptors of the ring. RDLEN counts in units of 8.
COUNT = 16

#: Bytes of a receive buffer: RCTL.BSIZE 0.
BUFFER_BYTES = 2048

#: A receive descriptor (SDM 3.2.3): buffer address, length, checksum, status, errors, special.
DESCRIPTOR = struct.Struct("<QHHBBH")

#: Status: the device is done with the descriptor; it is the last one of its frame.
DD, EOP = 1, 2

#: Where the status is, in bytes from the start of a descriptor.
STATUS_AT = 12

FROM_DEVICE = DmaDirection.FROM_DEVICE

#: Interrupt causes of reception: received, few descriptors left, FIFO overrun.
CAUSES = ICR.RXT0 | ICR.RXDMT0 | ICR.RXO


@dataclass(eq=False)
class Adapter:
    """The driver's private data.

    Attributes:
        netdev, pdev, hw: the interface, the device and its registers.
        desc: memory of the ring; None while the interface is down.
        buffers: address of the buffer in each descriptor; 0 for none.
        next_to_use: the first descriptor that the device does not have.
        next_to_clean: the first that it has not given back.
        rx_dropped: packets that were dropped for want of memory.
        link_changes: how often the link changed.
    """

    netdev: NetDevice
    pdev: PciDev
    hw: Iomem
    desc: CoherentMemory | None = None
    buffers: list[int] = field(default_factory=lambda: [0] * COUNT)
    next_to_use: int = 0
    next_to_clean: int = 0
    rx_dropped: int = 0
    link_changes: int = 0


async def er32(hw: Iomem, register: type[Register]) -> int:
    """Read a register."""
    return await readl(hw + register.offset)


async def ew32(hw: Iomem, register: type[Register], value: int) -> None:
    """Write a register; the write is posted."""
    await writel(value, hw + register.offset)


async def e1000_probe(pdev: PciDev) -> NetDevice:
    """Reset the device and register its interface."""
    pci_enable_device(pdev)
    dma_set_mask_and_coherent(pdev, (1 << 64) - 1)
    netdev = NetDevice(pdev.machine, "", NetdevOps(), None, driver="e1000", parent=pdev)
    netdev.priv = adapter = Adapter(netdev, pdev, pdev.iomap())
    await e1000_reset_hw(adapter.hw)
    register_netdev(netdev)
    return netdev


async def e1000_reset_hw(hw: Iomem) -> None:
    """Mask, reset, wait (SDM 14.3). Sleeps."""
    await ew32(hw, IMC, IMC.writable)
    await ew32(hw, RCTL, 0)
    await er32(hw, STATUS)
    await ew32(hw, CTRL, await er32(hw, CTRL) | CTRL.RST)
    await usleep_range(5, 10)


class NetdevOps:
    """netdev_ops."""

    async def ndo_open(self, dev: NetDevice) -> int:
        """Ring, handler, interrupts: in this order."""
        adapter = cast(Adapter, dev.priv)
        e1000_setup_rx_resources(adapter)
        await e1000_configure(adapter)
        await e1000_alloc_rx_buffers(adapter, e1000_desc_unused(adapter))
        error = request_irq(adapter.pdev.irq, e1000_intr, IRQF_SHARED, dev.name, adapter)
        if error:
            await e1000_reset_hw(adapter.hw)
            e1000_free_rx_resources(adapter)
            return error
        await ew32(adapter.hw, IMS, CAUSES)
        return 0

    async def ndo_stop(self, dev: NetDevice) -> int:
        """Reset the device, which masks it and stops its DMA; take the handler off, free what the device had."""
        adapter = cast(Adapter, dev.priv)
        await e1000_reset_hw(adapter.hw)
        await free_irq(adapter.pdev.irq, adapter)
        e1000_free_rx_resources(adapter)
        return 0

    async def ndo_set_rx_mode(self, dev: NetDevice) -> None:
        """Unicast only."""


def e1000_setup_rx_resources(adapter: Adapter) -> None:
    """Memory for the descriptors, which device and CPU share."""
    adapter.desc = dma_alloc_coherent(adapter.pdev, COUNT * DESCRIPTOR.size)
    adapter.next_to_use = adapter.next_to_clean = 0


def e1000_free_rx_resources(adapter: Adapter) -> None:
    """Give buffers and descriptors back."""
    for slot, buffer in enumerate(adapter.buffers):
        if buffer:
            dma_unmap_single(adapter.pdev, buffer, BUFFER_BYTES, FROM_DEVICE)
            adapter.pdev.machine.frags.free(buffer)
            adapter.buffers[slot] = 0
    dma_free_coherent(adapter.pdev, adapter.desc)
    adapter.desc = None


async def e1000_configure(adapter: Adapter) -> None:
    """Link, address, ring, receiver (SDM 14.4)."""
    hw, address = adapter.hw, adapter.netdev.dev_addr
    await ew32(hw, CTRL, await er32(hw, CTRL) | CTRL.SLU)
    await ew32(hw, RAL, int.from_bytes(address[:4], "little"))
    await ew32(hw, RAH, int.from_bytes(address[4:], "little") | RAH.AV)
    await e1000_configure_rx(adapter)


async def e1000_configure_rx(adapter: Adapter) -> None:
    """Tell the device where the ring is, and turn the receiver on; the ring is empty so far."""
    hw, desc = adapter.hw, adapter.desc
    await ew32(hw, RDBAL, desc.dma & RDBAL.BASE)
    await ew32(hw, RDBAH, desc.dma >> 32)
    await ew32(hw, RDLEN, COUNT * DESCRIPTOR.size)
    await ew32(hw, RDH, 0)
    await ew32(hw, RDT, 0)
    await ew32(hw, RCTL, RCTL.EN | RCTL.SECRC)


def e1000_desc_unused(adapter: Adapter) -> int:
    """Descriptors that may be given to the device; one stays empty, since a full ring would look like an empty one."""
    return (adapter.next_to_clean - adapter.next_to_use - 1) % COUNT


async def e1000_alloc_rx_buffers(adapter: Adapter, count: int) -> None:
    """Put fresh buffers into so many descriptors, and give them to the device."""
    for _ in range(count):
        dma = e1000_alloc_buffer(adapter)
        if not dma:
            break
        e1000_put_buffer(adapter, dma)
    dma_wmb()
    await ew32(adapter.hw, RDT, adapter.next_to_use)


def e1000_alloc_buffer(adapter: Adapter) -> int:
    """A fresh buffer, mapped; 0 if there is no memory."""
    buffer = adapter.pdev.machine.frags.alloc()
    if not buffer:
        return 0
    dma = dma_map_single(adapter.pdev, buffer, BUFFER_BYTES, FROM_DEVICE)
    if dma_mapping_error(adapter.pdev, dma):
        adapter.pdev.machine.frags.free(buffer)
        return 0
    return dma


def e1000_put_buffer(adapter: Adapter, dma: int) -> None:
    """Put a mapped buffer into the next descriptor; the device gets it with the next write of RDT."""
    slot = adapter.next_to_use
    adapter.buffers[slot] = dma
    adapter.desc.write(slot * DESCRIPTOR.size, DESCRIPTOR.pack(dma, 0, 0, 0, 0, 0))
    adapter.next_to_use = (slot + 1) % COUNT


async def e1000_intr(_irq: int, dev_id: object) -> IrqReturn:
    """Interrupt handler: acknowledge, and look at the ring."""
    adapter = cast(Adapter, dev_id)
    icr = await er32(adapter.hw, ICR)
    if not icr & CAUSES:
        return IrqReturn.NONE
    await e1000_clean_rx_irq(adapter)
    return IrqReturn.HANDLED


async def e1000_check_link(adapter: Adapter) -> None:
    """Called now and then: has the link changed? Its interrupt is not enabled."""
    icr = await er32(adapter.hw, ICR)
    if icr & ICR.LSC:
        adapter.link_changes += 1


async def e1000_toggle_link(adapter: Adapter) -> None:
    """Take the link down or up."""
    await ew32(adapter.hw, CTRL, await er32(adapter.hw, CTRL) ^ CTRL.SLU)


async def e1000_clean_rx_irq(adapter: Adapter) -> int:
    """Take what the device is done with off the ring; returns how many packets went to the stack.

    Each descriptor that was taken is given back at once: with a fresh buffer, or without memory with the old one, whose
    packet is dropped. So the device has all of the ring, always.
    """
    packets = 0
    while adapter.next_to_clean != adapter.next_to_use:
        slot = adapter.next_to_clean
        if not adapter.desc.read(slot * DESCRIPTOR.size + STATUS_AT, 1)[0] & DD:
            break
        dma_rmb()
        _, length, _, _, _, _ = DESCRIPTOR.unpack(adapter.desc.read(slot * DESCRIPTOR.size, DESCRIPTOR.size))
        buffer, adapter.buffers[slot] = adapter.buffers[slot], 0
        adapter.next_to_clean = (slot + 1) % COUNT
        fresh = e1000_alloc_buffer(adapter)
        if fresh:
            e1000_put_buffer(adapter, fresh)
            dma_unmap_single(adapter.pdev, buffer, BUFFER_BYTES, FROM_DEVICE)
            await netif_rx(build_skb(buffer, length, adapter.netdev))
            packets += 1
        else:
            e1000_put_buffer(adapter, buffer)
            adapter.rx_dropped += 1
        dma_wmb()
        await ew32(adapter.hw, RDT, adapter.next_to_use)
    return packets
