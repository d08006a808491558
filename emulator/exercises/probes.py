"""Shows the kernel in the waveform of an exercise: CPUs, NAPI instances, and the ring's indices if there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.kernel_probes import show_cpu, show_napi

if TYPE_CHECKING:
    from emulator.exercises.bench import Bench


def show_driver(bench: Bench) -> None:
    """From now on let the probes follow what the kernel and the driver do."""
    bench.emulation.observers.append(lambda: _show(bench))


def _show(bench: Bench) -> None:
    engine, machine = bench.engine, bench.machine
    for cpu in machine.cpus:
        show_cpu(engine, cpu)
    for napi in machine.napis:
        if napi.dev is not None and napi.dev.parent is not None:
            show_napi(engine, napi, napi.dev.parent.slot)
    rings = {0: bench.ring} if bench.ring is not None else {}
    for netdev in machine.netdevs:
        if netdev.parent is not None:
            rings.setdefault(netdev.parent.slot, getattr(netdev.priv, "rx_ring", netdev.priv))
    for nic, ring in rings.items():
        for name in ("next_to_clean", "next_to_use"):
            index = getattr(ring, name, None)
            if isinstance(index, int) and index >= 0:
                engine.set_probe(f"nic{nic}.{name}", index)
