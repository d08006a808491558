"""What the network stack keeps for the machine: counters, sockets by port, IPv4 interfaces (struct net)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel.net.snmp import Mib

if TYPE_CHECKING:
    from driver.kernel.net.ipv4.devinet import InDevice
    from driver.kernel.net.sock import Sock


class Net:
    """A network namespace; a machine has one, init_net.

    Attributes:
        mib: SNMP counters.
        udp_table: sockets by port; a port may have several, on different addresses.
        in_devices: interfaces that have an IPv4 address.
        icmp_tokens: by peer: ICMP error messages that it may still get, in jiffies, and when that was, in jiffies.
    """

    def __init__(self) -> None:
        self.mib = Mib()
        self.udp_table: dict[int, list[Sock]] = {}
        self.in_devices: list[InDevice] = []
        self.icmp_tokens: dict[bytes, tuple[int, int]] = {}
