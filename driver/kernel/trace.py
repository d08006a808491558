"""Tracepoints: Linux's names, arguments and texts (include/trace/events/{irq,napi,net,skb}.h).

Code calls ``trace_NAME(...)``; whoever wants to know registers a probe. ``ftrace_line`` turns a record into the text
that /sys/kernel/tracing/trace shows (kernel/trace/trace_output.c).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from driver.kernel.cpu import Cpu, Level, this_cpu
from driver.kernel.net.checksum import CHECKSUM_PARTIAL
from driver.kernel.net.if_ether import ETH_HLEN

if TYPE_CHECKING:
    from driver.kernel.irq import IrqAction
    from driver.kernel.net.gro import GroResult
    from driver.kernel.net.napi import Napi
    from driver.kernel.net.netdevice import NetDevice
    from driver.kernel.net.skbuff import SkBuff
    from driver.kernel.softirq import Vector

_ETH_P_8021Q = 0x8100

Probe = Callable[..., None]


class Tracepoints:
    """Probes of one machine, by tracepoint."""

    def __init__(self) -> None:
        self.irq_handler_entry: list[Probe] = []
        self.irq_handler_exit: list[Probe] = []
        self.softirq_raise: list[Probe] = []
        self.softirq_entry: list[Probe] = []
        self.softirq_exit: list[Probe] = []
        self.napi_poll: list[Probe] = []
        self.napi_gro_receive_entry: list[Probe] = []
        self.napi_gro_receive_exit: list[Probe] = []
        self.netif_receive_skb: list[Probe] = []
        self.netif_receive_skb_entry: list[Probe] = []
        self.netif_rx: list[Probe] = []
        self.kfree_skb: list[Probe] = []
        self.net_dev_queue: list[Probe] = []
        self.net_dev_start_xmit: list[Probe] = []
        self.net_dev_xmit: list[Probe] = []
        self.net_dev_xmit_timeout: list[Probe] = []

    def register(self, name: str, probe: Probe) -> None:
        """Call a probe with the tracepoint's arguments from now on.

        Raises:
            AttributeError: there is no such tracepoint.
        """
        probes: list[Probe] = getattr(self, name)
        probes.append(probe)


def trace_irq_handler_entry(irq: int, action: IrqAction) -> None:
    """A handler is about to run."""
    for probe in this_cpu().machine.tracepoints.irq_handler_entry:
        probe(irq, action)


def trace_irq_handler_exit(irq: int, result: int) -> None:
    """A handler returned."""
    for probe in this_cpu().machine.tracepoints.irq_handler_exit:
        probe(irq, result)


def trace_softirq_raise(vector: Vector) -> None:
    """A softirq was marked pending."""
    for probe in this_cpu().machine.tracepoints.softirq_raise:
        probe(vector)


def trace_softirq_entry(vector: Vector) -> None:
    """A softirq's action is about to run."""
    for probe in this_cpu().machine.tracepoints.softirq_entry:
        probe(vector)


def trace_softirq_exit(vector: Vector) -> None:
    """A softirq's action returned."""
    for probe in this_cpu().machine.tracepoints.softirq_exit:
        probe(vector)


def trace_napi_poll(napi: Napi, work: int, budget: int) -> None:
    """A poll function returned."""
    for probe in this_cpu().machine.tracepoints.napi_poll:
        probe(napi, work, budget)


def trace_napi_gro_receive_entry(skb: SkBuff) -> None:
    """A packet is handed to GRO."""
    for probe in skb.dev.machine.tracepoints.napi_gro_receive_entry:
        probe(skb)


def trace_napi_gro_receive_exit(dev: NetDevice, result: GroResult) -> None:
    """GRO has decided about a packet of this interface."""
    for probe in dev.machine.tracepoints.napi_gro_receive_exit:
        probe(result)


def trace_netif_receive_skb(skb: SkBuff) -> None:
    """A packet enters the stack."""
    for probe in skb.dev.machine.tracepoints.netif_receive_skb:
        probe(skb)


def trace_netif_receive_skb_entry(skb: SkBuff) -> None:
    """A packet that RPS may send to another CPU; without RPS netif_receive_skb says the same at once."""
    for probe in skb.dev.machine.tracepoints.netif_receive_skb_entry:
        probe(skb)


def trace_netif_rx(skb: SkBuff) -> None:
    """A packet is offered to the backlog."""
    for probe in skb.dev.machine.tracepoints.netif_rx:
        probe(skb)


def trace_kfree_skb(skb: SkBuff, reason: str) -> None:
    """A packet is dropped."""
    for probe in skb.dev.machine.tracepoints.kfree_skb:
        probe(skb, reason)


def trace_net_dev_queue(skb: SkBuff) -> None:
    """A packet is to be sent."""
    for probe in skb.dev.machine.tracepoints.net_dev_queue:
        probe(skb)


def trace_net_dev_start_xmit(skb: SkBuff, dev: NetDevice) -> None:
    """The driver is about to get a packet to send."""
    for probe in dev.machine.tracepoints.net_dev_start_xmit:
        probe(skb, dev)


def trace_net_dev_xmit(skb: SkBuff, result: int, dev: NetDevice, length: int) -> None:
    """The driver's answer. It may have freed the packet, so the length in bytes is from before."""
    for probe in dev.machine.tracepoints.net_dev_xmit:
        probe(skb, result, dev, length)


def trace_net_dev_xmit_timeout(dev: NetDevice, txqueue: int) -> None:
    """A transmit queue has been stopped for too long."""
    for probe in dev.machine.tracepoints.net_dev_xmit_timeout:
        probe(dev, txqueue)


# --- text -----------------------------------------------------------------------------------------------------------


def _irq_handler_entry(irq: int, action: IrqAction) -> str:
    return f"irq={irq} name={action.name}"


def _irq_handler_exit(irq: int, result: int) -> str:
    return f"irq={irq} ret={'handled' if result else 'unhandled'}"


def _softirq(vector: Vector) -> str:
    return f"vec={vector:d} [action={vector.name}]"


def _napi_poll(napi: Napi, work: int, budget: int) -> str:
    name = napi.dev.name if napi.dev else "(no_device)"
    return f"napi poll on napi struct {napi.id:016x} for device {name} work {work} budget {budget}"


def _napi_gro_receive_entry(skb: SkBuff) -> str:
    """GRO sees a packet from its network header on; the Ethernet header is 14 bytes before that."""
    return (
        f"dev={skb.dev.name} napi_id={skb.napi_id:#x} queue_mapping=0 skbaddr={skb.head:016x} vlan_tagged=0 "
        f"vlan_proto=0x0000 vlan_tci=0x0000 protocol=0x{skb.protocol:04x} ip_summed=0 hash=0x{skb.hash:08x} l4_hash=0 "
        f"len={skb.len - ETH_HLEN} data_len={skb.data_len} truesize={skb.truesize} mac_header_valid=1 mac_header=-14 "
        "nr_frags=0 gso_size=0 gso_type=0"
    )


def _napi_gro_receive_exit(result: GroResult) -> str:
    return f"ret={result:d}"


def _received_skb(skb: SkBuff) -> str:
    """eth_type_trans has pulled the Ethernet header off, so that Linux does not count it."""
    return f"dev={skb.dev.name} skbaddr={skb.head:016x} len={skb.len - ETH_HLEN} net_cookie=1"


def _sent_skb(skb: SkBuff) -> str:
    return f"dev={skb.dev.name} skbaddr={skb.head:016x} len={skb.len} net_cookie=1"


def _net_dev_start_xmit(skb: SkBuff, dev: NetDevice) -> str:
    tagged = skb.vlan_tci is not None
    partial = skb.ip_summed == CHECKSUM_PARTIAL
    shinfo = skb.shinfo
    size, segs, kind = (shinfo.gso_size, shinfo.gso_segs, shinfo.gso_type) if shinfo is not None else (0, 0, 0)
    return (
        f"dev={dev.name} queue_mapping={skb.queue_mapping} skbaddr={skb.head:016x} vlan_tagged={tagged:d} "
        f"vlan_proto=0x{_ETH_P_8021Q * tagged:04x} vlan_tci=0x{skb.vlan_tci or 0:04x} "
        f"protocol=0x{skb.protocol:04x} ip_summed={skb.ip_summed} len={skb.len} data_len={skb.data_len} "
        f"network_offset=14 transport_offset_valid={partial:d} transport_offset={skb.csum_start if partial else 0} "
        f"tx_flags=0 gso_size={size} gso_segs={segs} gso_type={f'{kind:#x}' if kind else 0} net_cookie=1"
    )


def _net_dev_xmit(skb: SkBuff, result: int, dev: NetDevice, length: int) -> str:
    return f"dev={dev.name} skbaddr={skb.head:016x} len={length} rc={result} net_cookie=1"


def _net_dev_xmit_timeout(dev: NetDevice, txqueue: int) -> str:
    return f"dev={dev.name} driver={dev.driver} queue={txqueue} net_cookie=1"


def _kfree_skb(skb: SkBuff, reason: str) -> str:
    return f"skbaddr={skb.head:016x} rx_sk=0000000000000000 protocol={skb.protocol} location=napi_hil reason: {reason}"


FORMATS: dict[str, Callable[..., str]] = {
    "irq_handler_entry": _irq_handler_entry,
    "irq_handler_exit": _irq_handler_exit,
    "softirq_raise": _softirq,
    "softirq_entry": _softirq,
    "softirq_exit": _softirq,
    "napi_poll": _napi_poll,
    "napi_gro_receive_entry": _napi_gro_receive_entry,
    "napi_gro_receive_exit": _napi_gro_receive_exit,
    "netif_receive_skb": _received_skb,
    "netif_rx": _received_skb,
    "kfree_skb": _kfree_skb,
    "net_dev_queue": _sent_skb,
    "net_dev_start_xmit": _net_dev_start_xmit,
    "net_dev_xmit": _net_dev_xmit,
    "net_dev_xmit_timeout": _net_dev_xmit_timeout,
}


def ftrace_line(cpu: Cpu, event: str, *arguments: Any) -> str:  # noqa: ANN401 - as the probes
    """One line of ftrace's text: task, CPU, flags, time in s, event."""
    comm, pid = (cpu.current.comm, cpu.current.pid) if cpu.current else ("<idle>", 0)
    ns = cpu.machine.now
    flags = _latency_flags(cpu)
    text = FORMATS[event](*arguments)
    return f"{comm:>16}-{pid:<7d} [{cpu.id:03d}] {flags} {ns // 10**9:5d}.{ns // 1000 % 10**6:06d}: {event}: {text}"


def _latency_flags(cpu: Cpu) -> str:
    """The five flag characters: irqs, need_resched, context, preempt depth, migration."""
    hardirq = cpu.level is Level.HARDIRQ
    bh_disabled, softirq = cpu.bh_disabled > 0, cpu.serving_softirq
    irqs = "D" if hardirq and bh_disabled else "d" if hardirq else "b" if bh_disabled else "."
    resched = "N" if cpu.need_resched else "."
    context = "H" if hardirq and softirq else "h" if hardirq else "s" if softirq else "."
    depth = "." if cpu.current else "1"  # the idle task runs with preemption off
    return f"{irqs}{resched}{context}{depth}."
