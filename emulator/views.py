"""The kernel's views as files of a run: DIR/proc, also of a run that fails."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from driver.kernel.machine import Machine
from driver.kernel.views.ethtool_text import ethtool_coalesce, ethtool_ring, ethtool_statistics
from driver.kernel.views.napi_get import napi_get
from driver.kernel.views.procfs import proc_interrupts, proc_net_softnet_stat, proc_softirqs
from driver.kernel.views.snapshot import Interface, Snapshot, take_snapshot


class ViewFiles:
    """Writes the views into a directory at its end; a context manager.

    They are as of the last call of `look`, before the interfaces go down: then their interrupts and NAPI instances are
    gone. What ethtool shows is as of the last call of `look_at_interfaces`, when they are down and the driver has read
    the device's counters for the last time. A run that fails before has them as of its end.
    """

    def __init__(self, directory: Path, machine: Machine) -> None:
        self._directory = directory
        self._machine = machine
        self._snapshot: Snapshot | None = None
        self._interfaces: tuple[Interface, ...] | None = None

    def look(self) -> None:
        """Remember what there is to see now."""
        self._snapshot = take_snapshot(self._machine)

    def look_at_interfaces(self) -> None:
        """Remember what ethtool shows now."""
        self._interfaces = take_snapshot(self._machine).interfaces

    def __enter__(self) -> ViewFiles:
        return self

    def __exit__(self, *_: object) -> None:
        end = take_snapshot(self._machine)
        interfaces = end.interfaces if self._interfaces is None else self._interfaces
        write_views(self._directory, dataclasses.replace(self._snapshot or end, interfaces=interfaces))


def write_views(directory: Path, snapshot: Snapshot) -> None:
    """Write files named as those of /proc, and one for each command that Linux has for the rest."""
    texts = {
        "interrupts": proc_interrupts(snapshot),
        "softirqs": proc_softirqs(snapshot),
        "net/softnet_stat": proc_net_softnet_stat(snapshot),
        "napi-get.txt": napi_get(snapshot),
    }
    for interface in snapshot.interfaces:
        texts[f"ethtool-S-{interface.name}.txt"] = ethtool_statistics(interface)
        texts[f"ethtool-c-{interface.name}.txt"] = ethtool_coalesce(interface)
        texts[f"ethtool-g-{interface.name}.txt"] = ethtool_ring(interface)
    for name, text in texts.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
