"""The driver's private data: one Adapter per device (struct e1000_adapter)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from driver.e1000.hw import STATISTICS
from driver.kernel.net.netdev_features import (
    NETIF_F_HW_CSUM,
    NETIF_F_HW_VLAN_CTAG_RX,
    NETIF_F_HW_VLAN_CTAG_TX,
    NETIF_F_RXCSUM,
    NETIF_F_SG,
    NETIF_F_TSO,
)
from driver.kernel.spinlock import SpinLock
from hdl.nic.regmap import ICR, MTA

if TYPE_CHECKING:
    from driver.e1000.q_vector import QVector
    from driver.e1000.rx_ring import RxRing
    from driver.e1000.tx_ring import TxRing
    from driver.kernel.io import Iomem
    from driver.kernel.lib.dim import Dim
    from driver.kernel.net.napi import Napi
    from driver.kernel.net.netdevice import NetDevice
    from driver.kernel.pci import PciDev
    from driver.kernel.timer import TimerList

RX_CAUSES = int(ICR.RXT0 | ICR.RXO | ICR.RXDMT0 | ICR.RXSEQ)
TX_CAUSES = int(ICR.TXDW)

#: Causes that a poll services, each kind masked while its NAPI instance is scheduled.
POLL_CAUSES = RX_CAUSES | TX_CAUSES

#: Causes that the handler services itself; never masked while the interface is up.
OTHER_CAUSES = int(ICR.LSC)

#: Features that CTRL.VME stands for: the device has one switch for both directions.
VLAN_MODE = NETIF_F_HW_VLAN_CTAG_TX | NETIF_F_HW_VLAN_CTAG_RX

#: What the device can do for packets, if it is wanted (ethtool -K).
HW_FEATURES = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | VLAN_MODE | NETIF_F_RXCSUM


@dataclass(slots=True, eq=False)
class Adapter:
    """One device.

    Attributes:
        napi, tx_napi: for reception, and for completions of transmission.
        q_vectors: with several queues, their vectors; `napi`, `tx_napi` and the rings are then those of the first one.
        rss_key, rss_indir: with several queues, the hash's key, and the queue of each of its last values.
        rx_queue_drops: frames that the device dropped for want of descriptors, by queue.
        masked: causes of POLL_CAUSES that are masked since their poll is scheduled.
        mask_lock: holds ``masked`` and the device's mask together.
        use_napi: false: one interrupt per packet and netif_rx, as before NAPI.
        down: the interface is down or on its way there.
        hw_stats: sums of the device's statistics registers, by name.
        rx_irqs: interrupts with a receive cause.
        resetting: the device is being reset.
        get_link_status: the link may have changed: the PHY is to be asked.
        dim: the algorithm that sets ITR; None if it is set by hand.
        total_rx_packets, total_rx_bytes: received while DIM was on.
        rx_usecs: least time from one interrupt to the next, in us, as ethtool has it.
        itr: least time from one interrupt to the next, in units of 256 ns; 0 for none.
        rx_int_delay, rx_abs_int_delay: RDTR and RADV, in units of 1.024 us.
        tx_int_delay, tx_abs_int_delay: TIDV and TADV, in units of 1.024 us.
        restart_queue: how often the stopped transmit queue was woken.
        tx_timeout_count: resets because transmission hung.
        tx_dropped: packets that were on the ring when it was emptied, or whose buffer could not be mapped.
        alloc_rx_buff_failed: receive buffers that could not be had.
        rx_dropped: frames that the driver dropped: more than one buffer long.
        active_vlans: VLANs that pass; none for no filter.
        rar_used: receive addresses besides the station's.
        mta: what the multicast table holds.
        hw_csum_good, hw_csum_err: checksums that the device found right and wrong.
    """

    netdev: NetDevice
    pdev: PciDev
    hw: Iomem
    napi: Napi = field(init=False)
    tx_napi: Napi = field(init=False)
    rx_ring: RxRing
    tx_ring: TxRing
    watchdog_timer: TimerList
    use_napi: bool
    q_vectors: list[QVector] = field(default_factory=list)
    rss_key: bytes = b""
    rss_indir: list[int] = field(default_factory=list)
    rx_queue_drops: list[int] = field(default_factory=list)
    down: bool = True
    masked: int = 0
    mask_lock: SpinLock = field(default_factory=SpinLock)
    resetting: bool = False
    get_link_status: bool = True
    dim: Dim | None = None
    total_rx_packets: int = 0
    total_rx_bytes: int = 0
    rx_usecs: int = 0
    itr: int = 0
    rx_int_delay: int = 0
    rx_abs_int_delay: int = 8
    tx_int_delay: int = 8
    tx_abs_int_delay: int = 32
    restart_queue: int = 0
    tx_timeout_count: int = 0
    tx_dropped: int = 0
    hw_stats: dict[str, int] = field(default_factory=lambda: {register.__name__: 0 for register in STATISTICS})
    rx_irqs: int = 0
    alloc_rx_buff_failed: int = 0
    rx_dropped: int = 0
    active_vlans: set[int] = field(default_factory=set)
    rar_used: int = 0
    mta: list[int] = field(default_factory=lambda: [0] * MTA.count)
    hw_csum_good: int = 0
    hw_csum_err: int = 0

    @property
    def napis(self) -> list[Napi]:
        """All NAPI instances."""
        return [q_vector.napi for q_vector in self.q_vectors] or [self.napi, self.tx_napi]

    @property
    def rx_napis(self) -> list[Napi]:
        """Those of reception."""
        return [q_vector.napi for q_vector in self.q_vectors] or [self.napi]

    @property
    def tx_rings(self) -> list[TxRing]:
        """All transmit rings, by the number of their queue."""
        return [q_vector.tx_ring for q_vector in self.q_vectors] or [self.tx_ring]

    @property
    def rx_rings(self) -> list[RxRing]:
        """All receive rings."""
        return [q_vector.rx_ring for q_vector in self.q_vectors] or [self.rx_ring]
