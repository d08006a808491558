"""What ethtool asks of a driver (struct ethtool_ops, include/linux/ethtool.h)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from driver.kernel.net.netdevice import NetDevice

EINVAL = 22
EOPNOTSUPP = 95


@dataclass(frozen=True, slots=True, kw_only=True)
class EthtoolCoalesce:
    """Interrupt coalescing (struct ethtool_coalesce); what is None the driver does not have.

    Attributes:
        rx_coalesce_usecs, tx_coalesce_usecs: us from the first completion that is not reported to the interrupt.
        rx_max_coalesced_frames, tx_max_coalesced_frames: completions after which it comes earlier.
        use_adaptive_rx_coalesce, use_adaptive_tx_coalesce: an algorithm sets these values.
    """

    rx_coalesce_usecs: int | None = None
    rx_max_coalesced_frames: int | None = None
    tx_coalesce_usecs: int | None = None
    tx_max_coalesced_frames: int | None = None
    use_adaptive_rx_coalesce: bool | None = None
    use_adaptive_tx_coalesce: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EthtoolRingparam:
    """Ring lengths in descriptors, and how long they may be (struct ethtool_ringparam)."""

    rx_max_pending: int
    tx_max_pending: int
    rx_pending: int
    tx_pending: int


class EthtoolOps(Protocol):
    """What a driver does for ethtool. Errors are negative errnos."""

    def get_ethtool_stats(self, dev: NetDevice) -> dict[str, int]:
        """Ethtool -S: counters by name, 31 characters at most, in their order, as of the last update."""

    def get_coalesce(self, dev: NetDevice) -> EthtoolCoalesce:
        """Ethtool -c."""

    async def set_coalesce(self, dev: NetDevice, coalesce: EthtoolCoalesce) -> int:
        """Ethtool -C: change what is not None. Nothing changes if there is an error."""

    def get_ringparam(self, dev: NetDevice) -> EthtoolRingparam:
        """Ethtool -g."""
