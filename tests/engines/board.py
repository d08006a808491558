"""A model engine as plain blocking calls: what the tests of this folder do with it in between is one line each."""

from __future__ import annotations

from collections.abc import Iterable

from driver.kernel.costs import Costs
from emulator.engines.base import Event, IrqChanged, MmioDone, Verdict, WireFrame
from emulator.engines.model import ModelEngine
from hdl.nic.layouts import RxDescriptor
from hdl.nic.regmap import EECD, MDIC, RCTL, RDBAH, RDBAL, RDLEN, RDT, Register

MMIO_NS = 250  #: each way
BYTE_PS = 8_000  #: 1 Gb/s

RING_AT = 0x1_0000
BUFFERS_AT = 0x10_0000
BUFFERS_BYTES = 0x80_0000
LARGEST_BUFFER = 0x4000

#: Everything is received, whoever it is for, and without its FCS.
PROMISCUOUS = RCTL.EN | RCTL.UPE | RCTL.MPE | RCTL.BAM | RCTL.SECRC

#: What EEPROM and PHY make of registers at any time, also right after a reset.
OF_THE_BOARD: dict[type[Register], int] = {EECD: EECD.live, MDIC: int(MDIC.R)}

COSTS = Costs(
    **dict.fromkeys(Costs.__dataclass_fields__, 0)
    | {"mmio_request": MMIO_NS, "mmio_completion": MMIO_NS, "dma_read": 200, "dma_write": 150}
)


def frame(length: int = 60, *, seed: int = 0, destination: bytes = b"\x02\0\0\0\0\x01") -> bytes:
    """A frame of a length, without FCS, that differs for each seed."""
    body = bytes((seed * 7 + index * 13 + (seed >> 8)) & 0xFF for index in range(length - 14))
    return (destination + b"\x02\0\0\0\0\x02" + b"\x88\xb5" + body)[:length]


class Board:
    """One engine with one NIC or more.

    Attributes:
        engine: it.
        irq: what the interrupt lines were last seen at, by NIC.
        events: everything that the engine reported, with its time.
        ring: descriptors in the ring of each NIC.
    """

    def __init__(self, nics: int = 1, *, byte_ps: int = BYTE_PS, costs: Costs = COSTS) -> None:
        self.engine = ModelEngine(nics, costs, byte_ps)
        self.irq = [False] * nics
        self.events: list[tuple[int, Event]] = []
        self.ring = 0
        self._tag = 0

    def advance(self, until: int) -> list[Event]:
        """Run to a time, or to the first instant with events."""
        coroutine = self.engine.advance(until)
        try:
            coroutine.send(None)
        except StopIteration as stop:
            events: list[Event] = stop.value
        else:
            raise AssertionError("advance() suspended")
        for event in events:
            self.events.append((self.engine.now, event))
            if isinstance(event, IrqChanged):
                self.irq[event.nic] = event.level
        return events

    def run(self, ns: int) -> None:
        """Let so much time pass."""
        end = self.engine.now + ns
        while self.engine.now < end:
            self.advance(end)

    def run_until_silent(self) -> None:
        """Let time pass until the wires have been idle for long enough for every frame to be in memory."""
        while not all(wire.idle for wire in self.engine.wires):
            self.run(10_000)
        self.run(1_000_000)

    def read_at(self, offset: int, nic: int = 0) -> int:
        """Read a register and wait for its value."""
        self._tag += 1
        self.engine.mmio_read(nic, offset, self._tag)
        limit = self.engine.now + 10 * MMIO_NS
        while self.engine.now < limit:
            for event in self.advance(limit):
                if isinstance(event, MmioDone) and event.tag == self._tag:
                    return event.value
        raise AssertionError(f"no completion of a read at {offset:#x}")

    def read(self, register: type[Register], nic: int = 0) -> int:
        """Read a register and wait for its value."""
        return self.read_at(register.offset, nic)

    def write(self, register: type[Register], value: int, nic: int = 0) -> None:
        """Write a register and wait until the NIC has it and its interrupt line could tell."""
        self.engine.mmio_write(nic, register.offset, value)
        self.run(3 * MMIO_NS)

    def set_up_ring(self, size: int = 64, *, tail: int | None = None, rctl: int = PROMISCUOUS) -> None:
        """Lay out a ring of NIC 0 with a buffer for each descriptor, and turn the receiver on."""
        self.ring = size
        for index in range(size):
            self.lay(index)
        self.write(RDBAL, RING_AT)
        self.write(RDBAH, 0)
        self.write(RDLEN, size * 16)
        self.write(RCTL, rctl)
        self.write(RDT, size - 1 if tail is None else tail)
        self.run(10_000)

    def lay(self, index: int) -> None:
        """Give a descriptor its buffer, as a driver does that refills the ring."""
        value = RxDescriptor.const({"address": self.buffer(index)}).as_bits()
        self.engine.memory.write(RING_AT + 16 * index, value.to_bytes(16, "little"))

    def buffer(self, index: int) -> int:
        """Address of a descriptor's buffer."""
        return BUFFERS_AT + index * min(LARGEST_BUFFER, BUFFERS_BYTES // self.ring)

    def descriptor(self, index: int) -> RxDescriptor:
        """A descriptor as it is in memory; its fields read as Amaranth constants."""
        bits = int.from_bytes(self.engine.memory.read(RING_AT + 16 * index, 16), "little")
        descriptor: RxDescriptor = RxDescriptor.from_bits(bits)
        return descriptor

    def done(self, index: int) -> bool:
        """Whether a descriptor is written back."""
        return bool(self.descriptor(index).status.DD)

    def payload(self, index: int) -> bytes:
        """What a descriptor that is written back says is in its buffer."""
        descriptor = self.descriptor(index)
        assert descriptor.status.DD, f"descriptor {index} is not written back"
        return self.engine.memory.read(self.buffer(index), descriptor.length)

    def send(self, frames: Iterable[bytes | WireFrame], nic: int = 0) -> None:
        """Put frames on the wire, back to back."""
        self.engine.wires[nic].send(item if isinstance(item, WireFrame) else WireFrame(item) for item in frames)

    def receive(self, frames: Iterable[bytes | WireFrame]) -> list[Verdict]:
        """Send frames, wait until they are received, and return what became of them."""
        self.send(frames)
        self.run_until_silent()
        return self.engine.wires[0].take_verdicts()
