"""One run: a scenario's traffic through the engine's NICs and the driver, and what was measured on the way."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from driver.apps.udp import Echo
from driver.e1000.adapter import Adapter
from driver.e1000.main import e1000_probe, e1000_remove
from driver.kernel.cpu import Account
from driver.kernel.net.netdevice import (
    NetDevice,
    dev_close,
    dev_open,
    dev_set_mac_address,
    dev_set_promiscuity,
    netif_carrier_ok,
)
from driver.kernel.pci import device_release_driver, pci_irq_vector
from driver.kernel.timer import NSEC_PER_USEC, msleep
from driver.kernel.views.snapshot import Softnet, take_snapshot
from emulator.answers import Answers, Sent, start_app
from emulator.client import configure_interface
from emulator.cost_profiles import load_costs
from emulator.emulation import Emulation
from emulator.engines.base import Engine
from emulator.errors import RunFailed
from emulator.generator import station_address
from emulator.kernel_probes import show_kernel
from emulator.ledger import Ledger, check_conservation, total_counts, total_latency
from emulator.observation import Delivered, FrameObserver, TraceFile, observe_frames
from emulator.output import DELIVERED, PROC, SENT, SUMMARY, TRACE
from emulator.pcapng_writer import PcapngWriter
from emulator.progress import Progress, no_progress
from emulator.report import Summary, build_failed_summary, build_summary, format_summary
from emulator.results import CpuTime, Interrupts, NapiCounts, NicStatistics, RunResults, RunTime, SoftnetCounts
from emulator.rule_checks import check_rules, rule_results
from emulator.scenario import Scenario
from emulator.settings import write_settings
from emulator.traffic import frames
from emulator.views import ViewFiles
from emulator.wire_timing import PS_PER_NS, byte_time_ps

#: How often, in simulated ns, a run looks whether it is over.
CHECK_EVERY_NS = 50_000

#: Checks in a row without any frame coming to its end, the wire silent and the kernel idle, after which nothing will.
STALLED_CHECKS = 20


async def run_scenario(
    engine: Engine, scenario: Scenario, directory: Path, *, progress: Progress = no_progress
) -> None:
    """Run a scenario on an engine and write its files, but for the waves, into a directory.

    If the run fails they are complete up to there, and summary.json says that it failed.

    Raises:
        RunFailed: frames were lost, duplicated or changed, the counters disagree, or the driver is at fault.
    """
    emulation = Emulation(engine, load_costs(scenario.costs), cpus=scenario.cpus, seed=scenario.seed)
    check_rules(emulation.machine, emulation.devices, scenario.rule)
    try:
        summary = build_summary(scenario, await _run(emulation, scenario, directory, progress))
    except RunFailed as failure:
        rules = rule_results(emulation.machine.rules)
        _write_summary(directory, build_failed_summary(scenario, failure, emulation.machine.now, rules))
        raise
    _write_summary(directory, summary)


def _write_summary(directory: Path, summary: Summary) -> None:
    (directory / SUMMARY).write_text(format_summary(summary), encoding="utf-8")


async def _run(emulation: Emulation, scenario: Scenario, directory: Path, progress: Progress) -> RunResults:
    with contextlib.ExitStack() as files:
        views = files.enter_context(ViewFiles(directory / PROC, emulation.machine))
        if scenario.trace:
            files.enter_context(TraceFile(directory / TRACE, emulation.machine.tracepoints))
        netdevs = await bring_up(emulation, scenario)
        if scenario.waves:
            show_kernel(emulation, [netdev.priv for netdev in netdevs])
        delivered: Delivered = _ignore
        sent: Sent = _ignore
        if scenario.frames:
            names = [netdev.name for netdev in netdevs]
            delivered = files.enter_context(PcapngWriter(directory / DELIVERED, names)).write
            if scenario.app == Echo.comm:
                sent = files.enter_context(PcapngWriter(directory / SENT, names)).write
        answers = None
        if scenario.app is not None:
            app = start_app(emulation, scenario.app)
            await emulation.settle()
            answers = Answers(app, emulation.engine, sent)
        traffic = Traffic(emulation, netdevs, scenario, delivered, progress)
        results = await traffic.run(at_end=views.look, when_down=views.look_at_interfaces)
        return results if answers is None else replace(results, app=answers.counts(emulation.machine))


def _ignore(_nic: int, _data: bytes, _now_ns: int) -> None:
    """Where frames go if nobody wants them."""


async def bring_up(emulation: Emulation, scenario: Scenario) -> list[NetDevice]:
    """Boot: probe the driver for every NIC and bring its interface up; returns when all have a carrier.

    Settings of interfaces, interrupts and NAPI instances are written when all are up.
    """
    await write_settings(emulation, scenario.set, at_boot=True)
    netdevs = []
    for nic, pdev in enumerate(emulation.devices):
        netdev = await emulation.call(
            e1000_probe(pdev, use_napi=scenario.mode == "napi", rx_descriptors=scenario.ring, weight=scenario.budget),
            "modprobe",
        )
        await emulation.call(_link_up(netdev, station_address(nic), promiscuous=not scenario.generate), "ip")
        if scenario.app is not None:
            configure_interface(netdev, nic, scenario.flows)
        netdevs.append(netdev)
    await write_settings(emulation, scenario.set, at_boot=False)
    await emulation.settle()
    return netdevs


async def _link_up(netdev: NetDevice, address: bytes, *, promiscuous: bool) -> None:
    """Ip link set DEV address MAC promisc on up; then wait for the carrier."""
    await dev_set_mac_address(netdev, address)
    if promiscuous:
        await dev_set_promiscuity(netdev)
    error = await dev_open(netdev)
    if error:
        raise RunFailed(f"{netdev.name} does not come up: error {error}")
    while not netif_carrier_ok(netdev):
        await msleep(1)


@dataclass(frozen=True, slots=True)
class _Reading:
    """The counters that a run reports the difference of."""

    now: int
    cycles: int
    wall_s: float
    cpu_ns: tuple[tuple[int, ...], ...]
    softnet: tuple[Softnet, ...]
    rx_irqs: int
    irqs: int
    polls: int
    completed: int
    exhausted: int
    packets: int


async def _unbind(netdev: NetDevice) -> None:
    """Remove the driver of an interface that is down."""
    adapter: Adapter = netdev.priv
    await e1000_remove(netdev)
    device_release_driver(adapter.pdev)


class Traffic:
    """The traffic of a scenario, from its first frame until the last has come to its end."""

    def __init__(
        self,
        emulation: Emulation,
        netdevs: list[NetDevice],
        scenario: Scenario,
        delivered: Delivered,
        progress: Progress,
    ) -> None:
        self._emulation = emulation
        self._netdevs = netdevs
        self._adapters: list[Adapter] = [netdev.priv for netdev in netdevs]
        self._scenario = scenario
        self._progress = progress
        byte_ps = byte_time_ps(scenario.rate)
        self._observers = [
            FrameObserver(
                nic,
                netdev,
                Ledger(nic, byte_ps, several_queues=scenario.queues > 1),
                emulation.engine.wires[nic],
                delivered,
            )
            for nic, netdev in enumerate(netdevs)
        ]
        observe_frames(emulation.machine.tracepoints, self._observers)

    @property
    def _ledgers(self) -> list[Ledger]:
        return [observer.ledger for observer in self._observers]

    async def run(self, *, at_end: Callable[[], None], when_down: Callable[[], None]) -> RunResults:
        """Send everything, wait for the end, take the interfaces down, remove the driver and close the books.

        Args:
            at_end: called when the traffic is over and the interfaces are still up.
            when_down: called when they are down and still have their driver.
        """
        before = self._read()
        engine = self._emulation.engine
        for nic, (wire, ledger) in enumerate(zip(engine.wires, self._ledgers, strict=True)):
            wire.send(ledger.offer(frames(self._scenario, nic, engine.now * PS_PER_NS)))
        await self._wait_for_the_end()
        after = self._read()
        at_end()
        for netdev in self._netdevs:
            await self._emulation.call(dev_close(netdev), "ip")
        when_down()
        for netdev in self._netdevs:
            await self._emulation.call(_unbind(netdev), "rmmod")
        counts = total_counts(
            ledger.close(_statistics(adapter), sum(adapter.rx_queue_drops))
            for ledger, adapter in zip(self._ledgers, self._adapters, strict=True)
        )
        check_conservation(counts, "all NICs")
        self._check_nothing_leaked()
        rules = self._emulation.machine.rules
        if rules is not None and rules.fatal is not None:  # it caught what was to end the run
            raise RunFailed(f"the driver broke the rule {rules.fatal.rule.name} and went on", str(rules.fatal))
        return RunResults(
            frames=counts,
            interrupts=Interrupts(rx=after.rx_irqs - before.rx_irqs, total=after.irqs - before.irqs),
            napi=NapiCounts(
                polls=after.polls - before.polls,
                completed=after.completed - before.completed,
                exhausted=after.exhausted - before.exhausted,
                packets=after.packets - before.packets,
            ),
            cpus=tuple(map(_cpu_time, before.cpu_ns, after.cpu_ns)),
            softnet=tuple(map(_softnet_counts, before.softnet, after.softnet)),
            latency=total_latency(self._ledgers),
            rules=rule_results(rules),
            time=RunTime(
                simulated_ns=after.now - before.now,
                cycles=after.cycles - before.cycles,
                wall_s=after.wall_s - before.wall_s,
            ),
        )

    async def _wait_for_the_end(self) -> None:
        """Return when every frame has come to its end, or when none will any more; the books tell which."""
        emulation = self._emulation
        stalled = done = 0
        while stalled < self._patience():
            await emulation.run_for(CHECK_EVERY_NS)
            for observer in self._observers:
                observer.collect_verdicts()
            done_before, done = done, sum(ledger.done for ledger in self._ledgers)
            self._progress(done)
            if self._works():
                stalled = 0
            elif done == sum(ledger.offered for ledger in self._ledgers):
                return
            else:
                stalled = stalled + 1 if done == done_before else 0

    def _works(self) -> bool:
        """Whether something is going to happen by itself: a frame in or out, a thread, or a NAPI timer."""
        machine, engine = self._emulation.machine, self._emulation.engine
        if not machine.idle or not all(wire.idle for wire in engine.wires):
            return True
        if any(ring.next_to_clean != ring.next_to_use for adapter in self._adapters for ring in adapter.tx_rings):
            return True
        return any(napi.timer.base is not None for adapter in self._adapters for napi in adapter.rx_napis)

    def _patience(self) -> int:
        """Checks in a row without anything happening after which nothing will: an interrupt may be throttled."""
        throttled_us = max(adapter.rx_usecs for adapter in self._adapters)
        return STALLED_CHECKS + throttled_us * NSEC_PER_USEC // CHECK_EVERY_NS

    def _read(self) -> _Reading:
        machine, engine = self._emulation.machine, self._emulation.engine
        for cpu in machine.cpus:
            cpu.account()
        napis = [napi for adapter in self._adapters for napi in adapter.rx_napis]
        return _Reading(
            now=engine.now,
            cycles=engine.cycles,
            wall_s=time.perf_counter(),
            cpu_ns=tuple(tuple(cpu.time) for cpu in machine.cpus),
            softnet=take_snapshot(machine).softnet,
            rx_irqs=sum(adapter.rx_irqs for adapter in self._adapters),
            irqs=sum(sum(machine.irqs.desc(irq).counts) for adapter in self._adapters for irq in _irqs(adapter)),
            polls=sum(napi.polls for napi in napis),
            completed=sum(napi.completed for napi in napis),
            exhausted=sum(napi.exhausted for napi in napis),
            packets=sum(napi.packets for napi in napis),
        )

    def _check_nothing_leaked(self) -> None:
        """With all interfaces down no buffer is in use and none is mapped for DMA."""
        in_use = self._emulation.machine.frags.in_use
        mapped = sum(len(adapter.pdev.mappings) for adapter in self._adapters)
        if in_use or mapped:
            raise RunFailed(f"with all interfaces down, {in_use} buffers are in use and {mapped} mapped for DMA")


def _irqs(adapter: Adapter) -> list[int]:
    """The interrupts of a device: its line, or its messages."""
    pdev = adapter.pdev
    return [pci_irq_vector(pdev, number) for number in range(pdev.vectors or 1)]


def _statistics(adapter: Adapter) -> NicStatistics:
    stats = adapter.hw_stats
    error = sum(stats[name] for name in ("CRCERRS", "RXERRC", "RUC", "RFC", "ROC"))  # RJC is part of CRCERRS
    kept, missed = stats["GPRC"], stats["MPC"]
    return NicStatistics(kept=kept, missed=missed, error=error, filtered=stats["TPR"] - kept - missed - error)


def _softnet_counts(before: Softnet, after: Softnet) -> SoftnetCounts:
    return SoftnetCounts(
        processed=after.processed - before.processed,
        dropped=after.dropped - before.dropped,
        time_squeeze=after.time_squeeze - before.time_squeeze,
        received_rps=after.received_rps - before.received_rps,
        flow_limit_count=after.flow_limit_count - before.flow_limit_count,
    )


def _cpu_time(before: tuple[int, ...], after: tuple[int, ...]) -> CpuTime:
    spent = [late - early for early, late in zip(before, after, strict=True)]
    return CpuTime(
        hardirq=spent[Account.HARDIRQ],
        softirq=spent[Account.SOFTIRQ],
        ksoftirqd=spent[Account.KSOFTIRQD],
        user=spent[Account.USER],
        idle=spent[Account.IDLE],
    )
