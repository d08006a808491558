"""Receive flow steering: packets go to the CPU on which their flow's socket was last used (net/core/dev.c).

Where a flow is wanted is in a table of the machine, which recvmsg and its like write; where its packets went, in a
table of each receive queue. A flow moves only when the backlog that it leaves has none of its packets any more: so
they stay in order. See include/net/rps.h and Documentation/networking/scaling.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from driver.kernel.cpu import this_cpu

if TYPE_CHECKING:
    from driver.kernel.machine import Machine
    from driver.kernel.net.netdev_rx_queue import NetdevRxQueue
    from driver.kernel.net.skbuff import SkBuff
    from driver.kernel.net.sock import Sock

#: Most entries of either table.
FLOW_ENTRIES_MAX = 1 << 29

_NO_CPU = 0xFFFF  # RPS_NO_CPU


class RpsSockFlowTable:
    """Where flows are wanted (struct rps_sock_flow_table): an entry has the upper bits of a hash, and a CPU below them.

    Flows whose hashes have the same lower bits share an entry; the last one to be used has it.
    """

    def __init__(self, entries: int, cpus: int) -> None:
        self.entries = _round_up(entries)
        self._cpu_mask = _round_up(cpus) - 1
        self._ents: dict[int, int] = {}

    def record(self, flow_hash: int, cpu: int) -> None:
        """A flow's socket is used on a CPU (rps_record_sock_flow)."""
        self._ents[flow_hash % self.entries] = flow_hash & ~self._cpu_mask | cpu

    def wanted(self, flow_hash: int) -> int | None:
        """The CPU on which a flow's socket was last used; None if the table has no such flow."""
        ident = self._ents.get(flow_hash % self.entries, _NO_CPU)
        return None if (ident ^ flow_hash) & ~self._cpu_mask else ident & self._cpu_mask


@dataclass(slots=True)
class RpsDevFlow:
    """Where the packets of a flow go (struct rps_dev_flow).

    Attributes:
        cpu: there.
        last_qtail: input_queue_tail of that CPU behind the last of them.
    """

    cpu: int = _NO_CPU
    last_qtail: int = 0


class RpsDevFlowTable:
    """Where the flows of a receive queue go (struct rps_dev_flow_table); they share entries as above."""

    def __init__(self, entries: int) -> None:
        self.entries = _round_up(entries)
        self._flows: dict[int, RpsDevFlow] = {}

    def flow(self, flow_hash: int) -> RpsDevFlow:
        """A flow's entry."""
        return self._flows.setdefault(flow_hash % self.entries, RpsDevFlow())


def get_rfs_flow(machine: Machine, queue: NetdevRxQueue, flow_hash: int) -> RpsDevFlow | None:
    """Where a packet of a flow is to go; None if nobody has said (the first half of get_rps_cpu)."""
    wishes, table = machine.rps_sock_flow_table, queue.rps_flow_table
    if wishes is None or table is None:
        return None
    wanted = wishes.wanted(flow_hash)
    if wanted is None:
        return None
    flow = table.flow(flow_hash)
    cpus = machine.cpus
    if flow.cpu != wanted and (flow.cpu == _NO_CPU or cpus[flow.cpu].softnet.input_queue_head >= flow.last_qtail):
        flow.cpu, flow.last_qtail = wanted, cpus[wanted].softnet.input_queue_head  # set_rps_cpu
    return flow


# --- sockets ----------------------------------------------------------------------------------------------------------


def sock_rps_save_rxhash(sk: Sock, skb: SkBuff) -> None:
    """A socket's flow is that of its last packet."""
    sk.rxhash = skb.hash


def sock_rps_record_flow(sk: Sock) -> None:
    """A socket is used on this CPU. Only a connected one has a flow."""
    table = sk.machine.rps_sock_flow_table
    if table is not None and sk.dport and sk.rxhash:
        table.record(sk.rxhash, this_cpu().id)


# --- settings ---------------------------------------------------------------------------------------------------------


def rps_sock_flow_sysctl(machine: Machine, entries: int) -> None:
    """Begin a table of so many entries, rounded up to a power of 2; 0 for none (net.core.rps_sock_flow_entries)."""
    machine.rps_needed += bool(entries) - (machine.rps_sock_flow_table is not None)
    machine.rps_sock_flow_table = RpsSockFlowTable(entries, len(machine.cpus)) if entries else None


def store_rps_dev_flow_table_cnt(queue: NetdevRxQueue, entries: int) -> None:
    """Begin a queue's table of so many entries, rounded up to a power of 2; 0 for none (rps_flow_cnt in sysfs)."""
    queue.rps_flow_table = RpsDevFlowTable(entries) if entries else None


def _round_up(number: int) -> int:
    return 1 << (number - 1).bit_length()
