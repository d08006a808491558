"""Settings of the kernel model under the names that Linux gives them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Sysctl:
    """Kernel configuration and net.core sysctls (Documentation/admin-guide/sysctl/net.rst).

    Attributes:
        hz: CONFIG_HZ, jiffies per second.
        netdev_budget: packets that one net_rx_action may take.
        netdev_max_backlog: length above which the backlog drops.
        dev_weight: packets that one process_backlog may take.
        dev_weight_tx_bias: times dev_weight, packets that one run of a qdisc may send.
        default_qdisc: what an interface gets to queue packets: pfifo_fast or pfifo.
        busy_read: us (of 1,024 ns) that a new socket's recvmsg polls its device, unless SO_BUSY_POLL says otherwise.
        gro_normal_batch: segments that GRO hands to the stack together.
    """

    hz: int = 1000
    netdev_budget: int = 300
    netdev_max_backlog: int = 1000
    dev_weight: int = 64
    dev_weight_tx_bias: int = 1
    default_qdisc: str = "pfifo_fast"
    busy_read: int = 0
    gro_normal_batch: int = 8

    @property
    def netdev_budget_jiffies(self) -> int:
        """netdev_budget_usecs in jiffies; its default is 2 jiffies whatever HZ is (net/core/hotdata.c)."""
        return 2
