"""What the testbenches with no Python attached are given: frames, a ring of descriptors, register writes, latencies."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from emulator.cost_profiles import load_costs
from emulator.engines.base import WireFrame
from emulator.engines.board_latencies import latency_cycles
from emulator.engines.board_wire import WORD_BYTES, frame_words
from emulator.scenario import Scenario
from emulator.traffic import frames
from emulator.wire_timing import PS_PER_NS
from hdl.nic.regmap import CTRL, ICR, IMS, RCTL, RDBAH, RDBAL, RDH, RDLEN, RDT, REGISTER_BITS, Register

#: When the traffic starts, in ns.
START_NS = 20_000

#: Where descriptors and buffers are in host memory.
_RING, _BUFFERS = 0, 1 << 20
_BUFFER_BYTES = 2048
_DESCRIPTOR_BYTES = 16

_ACCESS_BYTES = 8  # of a register write: {address, data}


class BareInput:
    """The input for a scenario of one NIC.

    Attributes:
        frames: how many there are.
        sizes: numbers that the testbench must know: of frames and descriptors, of words and writes in the files.
        constants: offsets of registers, and the board's latencies in cycles.
    """

    def __init__(self, scenario: Scenario) -> None:
        traffic = list(frames(scenario, 0))
        self._files = {
            "frames": (b"".join(map(_words, traffic)), WORD_BYTES),
            "ring": (_ring(scenario.ring), WORD_BYTES),
            "setup": (_setup(scenario.ring), _ACCESS_BYTES),
        }
        self.frames = len(traffic)
        self.sizes = {"FRAMES": self.frames, "DESCRIPTORS": scenario.ring}
        registers = {register.__name__: register.offset for register in (ICR, RDH, RDT)}
        latencies = {name.upper(): cycles for name, cycles in latency_cycles(load_costs(scenario.costs)).items()}
        self.constants = registers | latencies

    def elements(self, name: str) -> int:
        """How many words a file has."""
        data, width = self._files[name]
        return len(data) // width

    def write_binary(self, folder: Path) -> None:
        """The files frames.bin, ring.bin and setup.bin."""
        for name, (data, _) in self._files.items():
            (folder / f"{name}.bin").write_bytes(data)

    def write_hex(self, folder: Path) -> None:
        """The files frames.hex, ring.hex and setup.hex, for $readmemh."""
        for name, (data, width) in self._files.items():
            words = (data[start : start + width][::-1].hex() for start in range(0, len(data), width))
            (folder / f"{name}.hex").write_text("\n".join(words) + "\n")


def _words(frame: WireFrame) -> bytes:
    return frame_words(frame, START_NS * PS_PER_NS + frame.start_ps)


def _ring(descriptors: int) -> bytes:
    addresses = (_BUFFERS + slot * _BUFFER_BYTES for slot in range(descriptors))
    return b"".join(address.to_bytes(8, "little") + bytes(_DESCRIPTOR_BYTES - 8) for address in addresses)


def _setup(descriptors: int) -> bytes:
    """The register writes that start the receiver."""
    writes: Iterable[tuple[type[Register], int]] = [
        (CTRL, CTRL.reset | CTRL.SLU),
        (RDBAL, _RING),
        (RDBAH, 0),
        (RDLEN, descriptors * _DESCRIPTOR_BYTES),
        (RDH, 0),
        (RDT, 0),
        (RCTL, RCTL.EN | RCTL.UPE | RCTL.MPE | RCTL.BAM | RCTL.SECRC),
        (RDT, descriptors - 1),
        (IMS, ICR.RXT0 | ICR.RXO | ICR.RXDMT0),
    ]
    accesses = (register.offset << REGISTER_BITS | value for register, value in writes)
    return b"".join(access.to_bytes(_ACCESS_BYTES, "little") for access in accesses)
