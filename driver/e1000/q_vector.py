"""Several queues, each with a vector and a NAPI instance of its own, for the 82576 (struct igb_q_vector, igb_main.c).

Vector 0 is that of the causes in ICR; vector n + 1 serves receive queue n and transmit queue n. A vector clears and
masks itself when it fires, so its handler has nothing to read or write; its poll unmasks it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from driver.e1000.hw import DEVICE_GONE, er32, ew32
from driver.e1000.interrupt import e1000_clean_rx_irq
from driver.e1000.moderation import e1000_write_eitr
from driver.e1000.rx_ring import RX_BUFFER_LEN, AdvancedRxRing
from driver.e1000.tx_ring import TxRing, e1000_clean_tx_irq
from driver.kernel.io import writel
from driver.kernel.irq import IrqReturn, free_irq, irq_set_affinity, request_irq, synchronize_irq
from driver.kernel.net.napi import Napi, napi_complete_done, napi_schedule, netif_napi_add_weight, netif_napi_set_irq
from driver.kernel.net.netdev_rx_queue import NetdevRxQueue
from driver.kernel.net.netdevice import netif_set_real_num_tx_queues
from driver.kernel.pci import PCI_IRQ_MSIX, pci_alloc_irq_vectors, pci_irq_vector
from hdl.nic.regmap import (
    EIAC,
    EIAM,
    EICS,
    EIMC,
    EIMS,
    GPIE,
    ICR,
    IMS,
    IVAR,
    IVAR_MISC,
    MRQC,
    RDBAH,
    RDBAL,
    RDH,
    RDLEN,
    RDT,
    RETA,
    RSSRK,
    RXDCTL,
    SRRCTL,
    TDBAH,
    TDBAL,
    TDH,
    TDLEN,
    TDT,
    TXDCTL,
)

if TYPE_CHECKING:
    from driver.e1000.adapter import Adapter

#: Vectors that serve no queue.
NON_Q_VECTORS = 1

_ADVANCED_ONE_BUFFER = 1  # SRRCTL.DESCTYPE
_RSS = 2  # MRQC.MODE
_RETA_ENTRIES = 128
_DESCRIPTOR_BYTES = 16


@dataclass(slots=True, eq=False)
class QVector:
    """What one vector serves.

    Attributes:
        number: of its queues.
        name: of its interrupt.
    """

    adapter: Adapter
    number: int
    rx_ring: AdvancedRxRing
    tx_ring: TxRing
    napi: Napi
    name: str = ""

    @property
    def vector(self) -> int:
        """Its number among the device's vectors."""
        return NON_Q_VECTORS + self.number

    @property
    def eims_value(self) -> int:
        """Its bit in EICR and all registers of that form."""
        return 1 << self.vector

    @property
    def irq(self) -> int:
        """Its interrupt."""
        return pci_irq_vector(self.adapter.pdev, self.vector)


def e1000_alloc_q_vectors(adapter: Adapter, rx_descriptors: int, tx_descriptors: int, weight: int) -> bool:
    """Get vectors and make what they serve; false if the device has none, and so one queue."""
    pdev = adapter.pdev
    if not pdev.msix_vectors or pci_alloc_irq_vectors(pdev, pdev.msix_vectors, pdev.msix_vectors, PCI_IRQ_MSIX) < 0:
        return False
    for number in range(pdev.vectors - NON_Q_VECTORS):
        q_vector = QVector(
            adapter=adapter,
            number=number,
            rx_ring=AdvancedRxRing(rx_descriptors, number),
            tx_ring=TxRing(tx_descriptors, number, TDT.at_queue(number)),
            napi=netif_napi_add_weight(adapter.netdev, e1000_poll, weight),
        )
        adapter.q_vectors.append(q_vector)
    queues = len(adapter.q_vectors)
    netif_set_real_num_tx_queues(adapter.netdev, queues)
    adapter.netdev.rx_queues = [NetdevRxQueue() for _ in range(queues)]
    adapter.rx_queue_drops = [0] * queues
    e1000_init_rss(adapter)
    return True


async def e1000_request_msix(adapter: Adapter) -> int:
    """Put a handler on each vector, the queues' on a CPU each as far as there are enough; 0, or an error."""
    pdev, cpus = adapter.pdev, len(adapter.pdev.machine.cpus)
    error = request_irq(pci_irq_vector(pdev, 0), e1000_msix_other, 0, adapter.netdev.name, adapter)
    if error:
        return error
    for q_vector in adapter.q_vectors:
        q_vector.name = f"{adapter.netdev.name}-TxRx-{q_vector.number}"
        error = request_irq(q_vector.irq, e1000_msix_ring, 0, q_vector.name, q_vector)
        if error:
            await e1000_free_msix(adapter)
            return error
        irq_set_affinity(pdev.machine, q_vector.irq, 1 << q_vector.number % cpus)
        netif_napi_set_irq(q_vector.napi, q_vector.irq)
    return 0


async def e1000_free_msix(adapter: Adapter) -> None:
    """Take the handlers off."""
    await free_irq(pci_irq_vector(adapter.pdev, 0), adapter)
    for q_vector in adapter.q_vectors:
        if q_vector.name:
            await free_irq(q_vector.irq, q_vector)
            q_vector.name = ""


async def e1000_msix_other(_irq: int, data: object) -> IrqReturn:
    """Handler of the causes in ICR: link changes."""
    adapter = cast("Adapter", data)
    icr = await er32(adapter.hw, ICR)
    if icr != DEVICE_GONE and icr & ICR.LSC and not adapter.down:
        adapter.watchdog_timer.mod(adapter.pdev.machine.jiffies + 1)
    await ew32(adapter.hw, EIMS, 1)
    return IrqReturn.HANDLED


async def e1000_msix_ring(_irq: int, data: object) -> IrqReturn:
    """Handler of a queue: its vector has masked itself."""
    q_vector = cast(QVector, data)
    q_vector.adapter.rx_irqs += 1
    napi_schedule(q_vector.napi)
    return IrqReturn.HANDLED


async def e1000_poll(napi: Napi, budget: int) -> int:
    """poll() of a vector: reclaim, receive; when the ring is empty, complete and unmask (igb_poll)."""
    assert napi.dev is not None
    adapter = cast("Adapter", napi.dev.priv)
    q_vector = next(q_vector for q_vector in adapter.q_vectors if q_vector.napi is napi)
    await e1000_clean_tx_irq(adapter, q_vector.tx_ring, budget)
    if not budget:
        return 0
    work_done = await e1000_clean_rx_irq(adapter, budget, napi, q_vector.rx_ring)
    if work_done == budget:
        return budget
    if await napi_complete_done(napi, work_done) and not adapter.down:
        # An event since the vector fired has set its bit again, and interrupts now.
        await ew32(adapter.hw, EIMS, q_vector.eims_value)
    return work_done


async def e1000_configure_msix(adapter: Adapter) -> None:
    """Which event raises which vector, and that vectors clear and mask themselves."""
    hw = adapter.hw
    await ew32(hw, GPIE, GPIE.MULTIPLE_MSIX | GPIE.PBA_SUPPORT | GPIE.EIAME | GPIE.NSICR)
    await ew32(hw, IVAR_MISC, IVAR_MISC.OTHER_VALID)
    for q_vector in adapter.q_vectors:
        ivar = IVAR.RX_VALID | IVAR.RX_VECTOR.put(q_vector.vector)
        ivar |= IVAR.TX_VALID | IVAR.TX_VECTOR.put(q_vector.vector)
        await writel(ivar, hw + IVAR.at(q_vector.number))


async def e1000_msix_irq_enable(adapter: Adapter) -> None:
    """Unmask every vector, and the link's cause."""
    hw, every = adapter.hw, (1 << adapter.pdev.vectors) - 1
    await ew32(hw, EIAC, every)
    await ew32(hw, EIAM, every)
    await ew32(hw, EIMS, every)
    await ew32(hw, IMS, ICR.LSC)


async def e1000_msix_irq_disable(adapter: Adapter) -> None:
    """Mask every vector; the causes in ICR are masked by who calls. Sleeps."""
    hw, every = adapter.hw, (1 << adapter.pdev.vectors) - 1
    await ew32(hw, EIAM, 0)
    await ew32(hw, EIMC, every)
    await ew32(hw, EIAC, 0)
    await er32(hw, EIMS)  # flushes
    for vector in range(adapter.pdev.vectors):
        await synchronize_irq(pci_irq_vector(adapter.pdev, vector))


async def e1000_configure_rx_queues(adapter: Adapter) -> None:
    """Program the receive rings and what spreads frames over them (igb_configure_rx, igb_setup_mrqc)."""
    hw = adapter.hw
    await e1000_write_eitr(adapter)
    await e1000_setup_mrqc(adapter)
    for q_vector in adapter.q_vectors:
        ring, queue = q_vector.rx_ring, q_vector.number
        await writel(0, hw + RXDCTL.at_queue(queue))
        await writel(ring.desc.dma & RDBAL.BASE, hw + RDBAL.at_queue(queue))
        await writel(ring.desc.dma >> 32, hw + RDBAH.at_queue(queue))
        await writel(ring.count * _DESCRIPTOR_BYTES, hw + RDLEN.at_queue(queue))
        await writel(0, hw + RDH.at_queue(queue))
        await writel(0, hw + RDT.at_queue(queue))
        # With several queues none may keep the others waiting.
        drop = SRRCTL.DROP_EN if len(adapter.q_vectors) > 1 else 0
        srrctl = drop | SRRCTL.BSIZEPACKET.put(RX_BUFFER_LEN >> 10) | SRRCTL.DESCTYPE.put(_ADVANCED_ONE_BUFFER)
        await writel(srrctl, hw + SRRCTL.at_queue(queue))
        await writel(RXDCTL.reset | RXDCTL.ENABLE, hw + RXDCTL.at_queue(queue))


async def e1000_configure_tx_queues(adapter: Adapter) -> None:
    """Program the transmit rings, and switch each on (igb_configure_tx_ring)."""
    hw = adapter.hw
    for q_vector in adapter.q_vectors:
        ring, queue = q_vector.tx_ring, q_vector.number
        await writel(0, hw + TXDCTL.at_queue(queue))
        await writel(ring.count * _DESCRIPTOR_BYTES, hw + TDLEN.at_queue(queue))
        await writel(ring.desc.dma & TDBAL.BASE, hw + TDBAL.at_queue(queue))
        await writel(ring.desc.dma >> 32, hw + TDBAH.at_queue(queue))
        await writel(0, hw + TDH.at_queue(queue))
        await writel(0, hw + TDT.at_queue(queue))
        await writel(TXDCTL.reset | TXDCTL.ENABLE, hw + TXDCTL.at_queue(queue))


async def e1000_setup_mrqc(adapter: Adapter) -> None:
    """A random key, all queues in turn in the table, and the hash over addresses, for TCP over ports, too."""
    hw = adapter.hw
    for index, offset in enumerate(RSSRK.offsets()):
        await writel(int.from_bytes(adapter.rss_key[4 * index : 4 * index + 4], "little"), hw + offset)
    for index, offset in enumerate(RETA.offsets()):
        await writel(int.from_bytes(bytes(adapter.rss_indir[4 * index : 4 * index + 4]), "little"), hw + offset)
    await ew32(hw, MRQC, MRQC.MODE.put(_RSS) | MRQC.IPV4 | MRQC.TCPIPV4 | MRQC.IPV6 | MRQC.TCPIPV6)


def e1000_init_rss(adapter: Adapter) -> None:
    """The key and the table until somebody wants others."""
    queues = len(adapter.q_vectors)
    adapter.rss_key = adapter.pdev.machine.random.randbytes(4 * RSSRK.count)
    adapter.rss_indir = [entry * queues // _RETA_ENTRIES for entry in range(_RETA_ENTRIES)]


async def e1000_kick_empty_rings(adapter: Adapter) -> None:
    """Rings without a buffer in the device: no interrupt would ever come."""
    dry = sum(v.eims_value for v in adapter.q_vectors if v.rx_ring.unused == v.rx_ring.count - 1)
    if dry:
        await ew32(adapter.hw, EICS, dry)
