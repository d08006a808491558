"""The contract of an engine: what advances the hardware and reports what it did.

An engine owns the device side of the emulation: the NICs, host memory, the CPU's port to their registers and the wires.
The emulation (emulator/emulation.py) runs the kernel against it. All times are integers: ns on the kernel's side, ps
where a bit time of the wire would not fit.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from driver.kernel.dma import HostMemory


class Verdict(enum.IntEnum):
    """What became of a frame that arrived at a NIC; the values are those of hdl/nic/verdict.py."""

    KEPT = 0  #: committed to the receive FIFO
    MISSED = 1  #: no room in the FIFO (MPC)
    ERROR = 2  #: bad FCS, too long or too short, and RCTL.SBP clear
    FILTERED = 3  #: not for this station
    DISABLED = 4  #: the receiver is off


class WireFrame(NamedTuple):
    """A frame on its way to a NIC.

    Attributes:
        data: the frame without preamble and FCS.
        start_ps: earliest time at which its preamble may start; the wire never sends closer than Ethernet's spacing.
        bad_fcs: send it with a wrong FCS.
    """

    data: bytes
    start_ps: int = 0
    bad_fcs: bool = False


class SentFrame(NamedTuple):
    """A frame that a NIC sent.

    Attributes:
        data: the frame without preamble and FCS.
        start_ps: when its preamble started.
        end_ps: when the last byte of its FCS had passed.
        bad_fcs: its FCS is wrong, which only a driver that makes its own can achieve.
    """

    data: bytes
    start_ps: int
    end_ps: int
    bad_fcs: bool


@dataclass(frozen=True, slots=True)
class MmioDone:
    """An MMIO read that was started with this tag came back."""

    tag: int
    value: int


@dataclass(frozen=True, slots=True)
class IrqChanged:
    """The interrupt line of a NIC changed, as seen by the CPU's interrupt controller."""

    nic: int
    level: bool


@dataclass(frozen=True, slots=True)
class VectorFired:
    """The message of an MSI-X vector of a NIC reached the CPU's interrupt controller."""

    nic: int
    vector: int


#: Events of one instant come in this order: interrupt lines and vectors by NIC, then completions by NIC.
Event = MmioDone | IrqChanged | VectorFired


#: What is at the other end of a wire.
Listener = Callable[[SentFrame], None]


class Wire(Protocol):
    """The cable to one NIC: it paces frames by itself, in hardware time."""

    def send(self, frames: Iterable[WireFrame]) -> None:
        """Queue frames behind those queued before; the iterable may be lazy and long, it is read as frames go out."""

    @property
    def idle(self) -> bool:
        """Whether every queued frame has left."""

    def take_verdicts(self) -> list[Verdict]:
        """Verdicts of frames since the last call, one per frame sent, in order."""

    @property
    def cut_off(self) -> int:
        """Frames that a reset of the NIC took out of its transmit FIFO or cut off on the wire: nobody got them."""

    def listen(self, listener: Listener) -> None:
        """From now on tell a listener of each frame that the NIC sends, at the end of it; it may send frames itself."""


class Engine(Protocol):
    """See the module's docstring; docs/architecture.md has the timing rules that all engines keep."""

    name: str
    nics: int
    queues: (
        int  #: receive queues of each NIC, and transmit queues; if more than one, it has a vector for each and one more
    )

    @property
    def memory(self) -> HostMemory:
        """Host memory, shared by the CPUs and all NICs."""

    @property
    def wires(self) -> Sequence[Wire]:
        """One per NIC."""

    @property
    def now(self) -> int:
        """Simulated time in ns since the start of the simulation."""

    @property
    def cycles(self) -> int:
        """Clock cycles simulated so far; 0 on an engine without a clock."""

    async def advance(self, until: int) -> list[Event]:
        """Let the hardware run until the given time in ns, or to the first instant with events, and return them."""

    def mmio_read(self, nic: int, offset: int, tag: int) -> None:
        """Start a 32-bit read at the present instant, behind earlier writes; MmioDone with this tag follows."""

    def mmio_write(self, nic: int, offset: int, value: int) -> None:
        """Post a 32-bit write at the present instant."""

    def set_probe(self, name: str, value: int) -> None:
        """Show a value in the waveform under one of the names of emulator/probes.py; nothing if waves are off."""
