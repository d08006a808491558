"""A snapshot of the kernel's counters, as plain values; every view is made of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from driver.kernel.net.ethtool import EthtoolCoalesce, EthtoolRingparam
from driver.kernel.softirq import Vector

if TYPE_CHECKING:
    from driver.kernel.cpu import Cpu
    from driver.kernel.irq import IrqDesc
    from driver.kernel.machine import Machine
    from driver.kernel.net.napi import Napi
    from driver.kernel.net.netdevice import NetDevice


@dataclass(frozen=True, slots=True, kw_only=True)
class IrqLine:
    """An interrupt line that has a handler.

    Attributes:
        irq: its number.
        counts: interrupts taken, by CPU.
        actions: names of its handlers.
        chip: name of its controller.
        hwirq: its number there.
        edge: it interrupts at edges.
    """

    irq: int
    counts: tuple[int, ...]
    actions: tuple[str, ...]
    chip: str
    hwirq: int
    edge: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Softnet:
    """What the network core counts for one CPU (struct softnet_data)."""

    cpu: int
    processed: int  #: packets that entered the stack
    dropped: int  #: by the backlog
    time_squeeze: int  #: net_rx_action ended by its budget or its time
    received_rps: int  #: interrupts from other CPUs about the backlog
    flow_limit_count: int  #: drops by the flow limit
    input_qlen: int  #: packets in input_pkt_queue
    process_qlen: int  #: packets in process_queue


@dataclass(frozen=True, slots=True, kw_only=True)
class NapiInfo:
    """A NAPI instance of an interface that is up, as netlink tells of it. Times in ns."""

    id: int
    ifindex: int
    irq: int | None  #: None if the driver did not tell
    pid: int | None  #: of its thread
    defer_hard_irqs: int
    gro_flush_timeout: int
    irq_suspend_timeout: int
    threaded: int  #: 0 disabled, 1 enabled, 2 busy-poll


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """What ethtool can ask of an interface whose driver answers."""

    name: str
    statistics: dict[str, int]  #: as of their last update
    coalesce: EthtoolCoalesce
    ringparam: EthtoolRingparam


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The counters at one instant, since boot.

    Attributes:
        cpus: numbers of the CPUs; what is counted by CPU is in this order.
        irqs: by number.
        local_timer, function_call: interrupts of the CPUs' timers, and those that bring calls from other CPUs.
        softirqs: executions of each vector.
    """

    cpus: tuple[int, ...]
    irqs: tuple[IrqLine, ...]
    local_timer: tuple[int, ...]
    function_call: tuple[int, ...]
    softirqs: dict[Vector, tuple[int, ...]]
    softnet: tuple[Softnet, ...]
    napis: tuple[NapiInfo, ...]
    interfaces: tuple[Interface, ...]


def take_snapshot(machine: Machine) -> Snapshot:
    """The machine as it is now; nothing changes, and no device is asked."""
    cpus = machine.cpus
    return Snapshot(
        cpus=tuple(cpu.id for cpu in cpus),
        irqs=tuple(_irq_line(desc) for desc in machine.irqs.descs.values() if desc.actions),
        local_timer=tuple(cpu.timers.interrupts for cpu in cpus),
        function_call=tuple(cpu.call_function_interrupts for cpu in cpus),
        softirqs={vector: tuple(cpu.softirq_counts[vector] for cpu in cpus) for vector in Vector},
        softnet=tuple(_softnet(cpu) for cpu in cpus),
        napis=tuple(
            _napi(napi, napi.dev) for napi in machine.napis if napi.id and napi.dev is not None and napi.dev.running
        ),
        interfaces=tuple(interface for dev in machine.netdevs if (interface := _interface(dev)) is not None),
    )


def _irq_line(desc: IrqDesc) -> IrqLine:
    return IrqLine(
        irq=desc.irq,
        counts=tuple(desc.counts),
        actions=tuple(action.name for action in desc.actions),
        chip=desc.chip,
        hwirq=desc.irq if desc.hwirq is None else desc.hwirq,
        edge=desc.edge,
    )


def _softnet(cpu: Cpu) -> Softnet:
    softnet = cpu.softnet
    return Softnet(
        cpu=cpu.id,
        processed=softnet.processed,
        dropped=softnet.dropped,
        time_squeeze=softnet.time_squeeze,
        received_rps=softnet.received_rps,
        flow_limit_count=softnet.flow_limit.count if softnet.flow_limit else 0,
        input_qlen=len(softnet.input_pkt_queue),
        process_qlen=len(softnet.process_queue),
    )


def _napi(napi: Napi, dev: NetDevice) -> NapiInfo:
    return NapiInfo(
        id=napi.id,
        ifindex=dev.ifindex,
        irq=napi.irq if napi.irq >= 0 else None,
        pid=napi.thread.pid if napi.thread is not None else None,
        defer_hard_irqs=napi.defer_hard_irqs,
        gro_flush_timeout=napi.gro_flush_timeout,
        irq_suspend_timeout=napi.irq_suspend_timeout,
        threaded=int(napi.threaded),
    )


def _interface(dev: NetDevice) -> Interface | None:
    ops = dev.ethtool_ops
    if ops is None:
        return None
    return Interface(
        name=dev.name,
        statistics=ops.get_ethtool_stats(dev),
        coalesce=ops.get_coalesce(dev),
        ringparam=ops.get_ringparam(dev),
    )
