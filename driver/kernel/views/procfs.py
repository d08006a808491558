"""Files of /proc: interrupts, softirqs, net/softnet_stat (kernel/irq/proc.c, fs/proc/softirqs.c, net-procfs.c).

Interrupt lines are shown as those of an IO-APIC, as a PC has them for devices that signal by level; messages as MSI-X.
"""

from __future__ import annotations

from collections.abc import Sequence

from driver.kernel.views.snapshot import IrqLine, Snapshot, Softnet

#: Width of the number of a line, on machines with fewer than 1,000 of them.
_PRECISION = 3


def proc_interrupts(snapshot: Snapshot) -> str:
    """/proc/interrupts: lines with handlers, then what CPUs do among themselves."""
    none = (0,) * len(snapshot.cpus)
    rows = [
        " " * (_PRECISION + 8) + "".join(f"CPU{cpu:<8}" for cpu in snapshot.cpus),
        *(_irq_row(line) for line in snapshot.irqs),
        _total_row("NMI", none, "Non-maskable interrupts"),
        _total_row("LOC", snapshot.local_timer, "Local timer interrupts"),
        _total_row("SPU", none, "Spurious interrupts"),
        _total_row("RES", none, "Rescheduling interrupts"),
        _total_row("CAL", snapshot.function_call, "Function call interrupts"),
        _total_row("TLB", none, "TLB shootdowns"),
        f"{'ERR':>{_PRECISION}}: {0:>10}",
        f"{'MIS':>{_PRECISION}}: {0:>10}",
    ]
    return "\n".join(rows) + "\n"


def _irq_row(line: IrqLine) -> str:
    handler = "edge" if line.edge else "fasteoi"
    return (
        f"{line.irq:>{_PRECISION}}:{_counts(line.counts)} {line.chip:>8} {line.hwirq:>{_PRECISION}}-{handler:<8}"
        f"  {', '.join(line.actions)}"
    )


def _total_row(name: str, counts: Sequence[int], what: str) -> str:
    return f"{name:>{_PRECISION}}:{_counts(counts)}  {what}"


def _counts(counts: Sequence[int]) -> str:
    return "".join(f" {count:>10}" for count in counts)


def proc_softirqs(snapshot: Snapshot) -> str:
    """/proc/softirqs: how often each vector ran."""
    rows = [" " * 20 + "".join(f"CPU{cpu:<8}" for cpu in snapshot.cpus)]
    rows += [f"{vector.name:>12}:{_counts(counts)}" for vector, counts in snapshot.softirqs.items()]
    return "\n".join(rows) + "\n"


def proc_net_softnet_stat(snapshot: Snapshot) -> str:
    """/proc/net/softnet_stat: a line for each CPU, fifteen hexadecimal columns."""
    return "".join(_softnet_row(softnet) + "\n" for softnet in snapshot.softnet)


def _softnet_row(softnet: Softnet) -> str:
    columns = (
        softnet.processed,
        softnet.dropped,
        softnet.time_squeeze,
        *(0,) * 6,  # what was counted here is gone
        softnet.received_rps,
        softnet.flow_limit_count,
        softnet.input_qlen + softnet.process_qlen,
        softnet.cpu,
        softnet.input_qlen,
        softnet.process_qlen,
    )
    return " ".join(f"{column & 0xFFFF_FFFF:08x}" for column in columns)
