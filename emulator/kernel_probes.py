"""Shows the kernel's state in the waveform: after each step of the kernel its values go to the engine's probes."""

from __future__ import annotations

from driver.e1000.adapter import Adapter
from driver.kernel.cpu import Account, Cpu
from driver.kernel.net.napi import Napi
from emulator.emulation import Emulation
from emulator.engines.base import Engine
from emulator.probes import CpuRuns

_RUNS = {
    Account.USER: CpuRuns.TASK,
    Account.KSOFTIRQD: CpuRuns.KSOFTIRQD,
    Account.SOFTIRQ: CpuRuns.SOFTIRQ,
    Account.HARDIRQ: CpuRuns.HARDIRQ,
}


def show_kernel(emulation: Emulation, adapters: list[Adapter]) -> None:
    """From now on let the probes follow the CPUs, and the NAPI instances and rings of these devices."""
    engine, cpus = emulation.engine, emulation.machine.cpus

    def observe() -> None:
        for cpu in cpus:
            show_cpu(engine, cpu)
        for adapter in adapters:
            _show_adapter(engine, adapter)

    emulation.observers.append(observe)


def show_cpu(engine: Engine, cpu: Cpu) -> None:
    """Show what a CPU does now."""
    prefix = f"cpu{cpu.id}"
    softnet = cpu.softnet
    engine.set_probe(f"{prefix}.runs", _runs(cpu))
    engine.set_probe(f"{prefix}.softirq_pending", cpu.softirq_pending)
    engine.set_probe(f"{prefix}.poll_list", len(softnet.poll_list) + len(softnet.polling) + len(softnet.repoll))
    engine.set_probe(f"{prefix}.backlog", softnet.backlog_length)


def _runs(cpu: Cpu) -> CpuRuns:
    if not cpu.stack:
        return CpuRuns.IDLE
    top = cpu.stack[-1]
    return CpuRuns.MMIO_STALL if top.stalled else _RUNS[top.account]


def _show_adapter(engine: Engine, adapter: Adapter) -> None:
    prefix = f"nic{adapter.pdev.slot}"
    ring = adapter.rx_ring
    show_napi(engine, adapter.napi, adapter.pdev.slot)
    engine.set_probe(f"{prefix}.next_to_clean", ring.next_to_clean)
    engine.set_probe(f"{prefix}.next_to_use", ring.next_to_use)


def show_napi(engine: Engine, napi: Napi, nic: int) -> None:
    """Show the state of the NAPI instance of a NIC now."""
    prefix = f"nic{nic}"
    engine.set_probe(f"{prefix}.napi_state", napi.state)
    engine.set_probe(f"{prefix}.napi_in_poll", napi.in_poll)
    engine.set_probe(f"{prefix}.napi_budget", napi.budget)
    engine.set_probe(f"{prefix}.napi_work_done", napi.work_done)
