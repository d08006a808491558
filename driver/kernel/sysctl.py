"""Settings of the kernel model under the names that Linux gives them."""

from __future__ import annotations

from dataclasses import dataclass

USEC_PER_SEC = 1_000_000


@dataclass(slots=True)
class Sysctl:
    """Kernel configuration and net.core sysctls (Documentation/admin-guide/sysctl/net.rst).

    Attributes:
        hz: CONFIG_HZ, jiffies per second.
        netdev_budget: packets that one net_rx_action may take.
        netdev_max_backlog: length above which the backlog drops.
        netdev_budget_usecs: how long one net_rx_action may take, in us; None for 2 jiffies.
        dev_weight: packets that one process_backlog may take, for a bias of 1.
        dev_weight_rx_bias: times dev_weight, what it may take.
        busy_read: how long a socket polls busily for data, in us; 0 for not at all.
        busy_poll: the same for poll, select and epoll.
        flow_limit_table_len: flows that the flow limit tells apart, a power of 2.
        gro_normal_batch: segments that GRO hands to the stack together.
        dev_weight_tx_bias: times dev_weight, packets that one run of a qdisc may send.
        default_qdisc: what an interface gets to queue packets: pfifo_fast or pfifo.
    """

    hz: int = 1000
    netdev_budget: int = 300
    netdev_max_backlog: int = 1000
    netdev_budget_usecs: int | None = None
    dev_weight: int = 64
    dev_weight_rx_bias: int = 1
    busy_read: int = 0
    busy_poll: int = 0
    flow_limit_table_len: int = 4096
    gro_normal_batch: int = 8
    dev_weight_tx_bias: int = 1
    default_qdisc: str = "pfifo_fast"

    @property
    def netdev_budget_usecs_min(self) -> int:
        """2 jiffies in us: the least that netdev_budget_usecs may be, and its default (net/core/hotdata.c)."""
        return 2 * USEC_PER_SEC // self.hz

    @property
    def netdev_budget_jiffies(self) -> int:
        """netdev_budget_usecs in jiffies, rounded up."""
        usecs = self.netdev_budget_usecs or self.netdev_budget_usecs_min
        return -(-usecs * self.hz // USEC_PER_SEC)

    @property
    def dev_rx_weight(self) -> int:
        """Packets that one process_backlog may take."""
        return self.dev_weight * self.dev_weight_rx_bias
