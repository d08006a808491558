"""The kernel's state in the waveform: the probes' names, widths and words, and how they are read off the kernel.

hdl/harness/probes.v cuts the same layout into nets.
"""

from __future__ import annotations

import enum

CPU_BITS = 32
NIC_BITS = 64


class CpuRuns(enum.IntEnum):
    """What a CPU does, as one word."""

    IDLE = 0
    TASK = 1
    KSOFTIRQD = 2
    SOFTIRQ = 3
    HARDIRQ = 4
    MMIO_STALL = 5


#: Probes of a CPU: name, lowest bit, width.
CPU_PROBES = {
    "runs": (0, 3),
    "softirq_pending": (3, 10),
    "poll_list": (13, 4),
    "backlog": (17, 12),
}

#: Probes of a NIC and its NAPI instance.
NIC_PROBES = {
    "napi_in_poll": (0, 1),
    "napi_budget": (1, 9),
    "napi_work_done": (10, 9),
    "next_to_clean": (19, 12),
    "next_to_use": (31, 12),
    "napi_state": (43, 12),
}


class ProbeLayout:
    """The vector that holds all probes.

    Attributes:
        value: its present value.
        bytes: its size.
    """

    def __init__(self, cpus: int, nics: int) -> None:
        self.value = 0
        self.bytes = (cpus * CPU_BITS + nics * NIC_BITS) // 8
        self._fields = {
            f"cpu{number}.{name}": (number * CPU_BITS + lsb, (1 << width) - 1)
            for number in range(cpus)
            for name, (lsb, width) in CPU_PROBES.items()
        }
        self._fields |= {
            f"nic{number}.{name}": (cpus * CPU_BITS + number * NIC_BITS + lsb, (1 << width) - 1)
            for number in range(nics)
            for name, (lsb, width) in NIC_PROBES.items()
        }

    def set(self, name: str, value: int) -> None:
        """Set a probe, such as ``cpu0.runs``; what does not fit sticks at the highest value.

        Raises:
            KeyError: there is no probe of that name.
        """
        lsb, mask = self._fields[name]
        self.value = self.value & ~(mask << lsb) | min(value, mask) << lsb
