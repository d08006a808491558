"""A receive queue of an interface, and which CPUs its packets are spread over (include/net/netdev_rx_queue.h)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driver.kernel.net.rfs import RpsDevFlowTable


@dataclass(slots=True)
class NetdevRxQueue:
    """A receive queue.

    Attributes:
        rps_cpus: bit mask as it was written; 0 for no spreading.
        rps_map: the CPUs of the mask, in order.
        rps_flow_table: where RFS has sent its flows; None if it is off for this queue.
    """

    rps_cpus: int = 0
    rps_map: tuple[int, ...] = ()
    rps_flow_table: RpsDevFlowTable | None = None
