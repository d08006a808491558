"""What a run measured, as plain values; emulator/report.py makes summary.json and the table of them."""

from __future__ import annotations

from dataclasses import dataclass

from driver.kernel.rules.rule import Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class NicStatistics:
    """What a NIC's own statistics registers say became of the frames that arrived, in frames."""

    kept: int  #: GPRC
    missed: int  #: MPC
    error: int  #: CRCERRS, RXERRC and the length errors
    filtered: int  #: TPR without all the others


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameCounts:
    """Where frames ended; the sum of the others is ``offered``."""

    offered: int
    delivered: int
    nic_missed: int
    nic_error: int
    nic_filtered: int
    backlog: int
    nic_queue: int = 0  #: dropped by one of several queues of a NIC, for want of descriptors


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupts:
    """Interrupts taken: those with a receive cause, and all."""

    rx: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NapiCounts:
    """Calls of the poll function: all, those that completed, those that used up their budget; packets of all."""

    polls: int
    completed: int
    exhausted: int
    packets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuTime:
    """Time that one CPU spent in each context, in ns."""

    hardirq: int
    softirq: int
    ksoftirqd: int
    user: int
    idle: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftnetCounts:
    """What one CPU's network softirqs did: columns of its line in /proc/net/softnet_stat."""

    processed: int  #: packets that entered the stack
    dropped: int  #: by the backlog
    time_squeeze: int  #: net_rx_action ended by its budget or its time
    received_rps: int  #: interrupts from other CPUs about the backlog
    flow_limit_count: int  #: of the packets that the backlog dropped, those of flows that had too much of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """In ns; of a run, from the last FCS byte on the wire to netif_receive_skb."""

    min: int
    p50: int
    p99: int
    max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCounts:
    """What became of datagrams: received by the application, no room in its socket, answered by a frame on the wire.

    A round trip is from the first bit of a frame, when the wire is free, until the last FCS byte of its answer.
    """

    received: int
    socket_full: int  #: RcvbufErrors
    answered: int
    round_trip: Latency | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRule:
    """A rule that the driver broke: its name, its level, how often, and the first of these times."""

    name: str
    level: str
    count: int
    first: tuple[Violation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResults:
    """Rules for drivers: how many were checked while the driver was loaded, and the broken ones."""

    checked: int
    broken: tuple[BrokenRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTime:
    """How long the run took: simulated ns and clock cycles (0 on an engine without a clock), and wall seconds."""

    simulated_ns: int
    cycles: int
    wall_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResults:
    """Everything a run measured; counts are sums over all NICs. No latency without a delivery."""

    frames: FrameCounts
    interrupts: Interrupts
    napi: NapiCounts
    cpus: tuple[CpuTime, ...]
    softnet: tuple[SoftnetCounts, ...]
    latency: Latency | None
    rules: RuleResults
    time: RunTime
    app: AppCounts | None = None
