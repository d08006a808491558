"""A board whose NIC sends: a transmit ring, and what comes out on the wire."""

from __future__ import annotations

from collections.abc import Iterable

from driver.kernel.costs import Costs
from emulator.engines.base import SentFrame
from hdl.nic.layouts import TxCommand, TxDescriptor
from hdl.nic.regmap import CTRL, TCTL, TDBAH, TDBAL, TDLEN, TDT, TIPG
from tests.engines.board import BYTE_PS, COSTS, Board

RING_AT = 0x2_0000
BUFFERS_AT = 0x90_0000
BUFFER_BYTES = 0x1000

GAP_OF_12_BYTES = TIPG.IPGT.put(8)

SHAPE = TxCommand.as_shape()
EOP, IFCS, RS, RPS, IDE = (1 << SHAPE[name].offset for name in ("EOP", "IFCS", "RS", "RPS", "IDE"))
WHOLE = EOP | IFCS | RS


class TxBoard(Board):
    """NIC 0 with a transmit ring.

    Attributes:
        sent: frames that left it.
        tail: as software last wrote it, or is going to.
    """

    def __init__(self, size: int = 64, *, byte_ps: int = BYTE_PS, costs: Costs = COSTS, tctl: int = TCTL.EN) -> None:
        super().__init__(byte_ps=byte_ps, costs=costs)
        self.sent: list[SentFrame] = []
        self.engine.wires[0].listen(self.sent.append)
        self.size = size
        self.tail = 0
        self.write(CTRL, CTRL.reset | CTRL.SLU)
        self.write(TDBAL, RING_AT)
        self.write(TDBAH, 0)
        self.write(TDLEN, size * 16)
        self.write(TIPG, GAP_OF_12_BYTES)
        self.write(TCTL, tctl)

    def lay_out(self, data: bytes, command: int = WHOLE) -> int:
        """Put a descriptor with data at the tail, which is not written yet; returns its index."""
        value = TxDescriptor.const({"address": self.buffer_of(data), "length": len(data)}).as_bits()
        return self.put(value | command << TxDescriptor.as_shape()["command"].offset)

    def put(self, bits: int) -> int:
        """Put a descriptor at the tail, which is not written yet; returns its index."""
        index = self.tail
        self.engine.memory.write(RING_AT + 16 * index, bits.to_bytes(16, "little"))
        self.tail = (index + 1) % self.size
        return index

    def buffer_of(self, data: bytes) -> int:
        """Put data where that of the descriptor at the tail belongs; returns its address."""
        address = BUFFERS_AT + self.tail * BUFFER_BYTES
        self.engine.memory.write(address, data)
        return address

    def transmit(self, frames: Iterable[bytes], command: int = WHOLE) -> int:
        """Lay out frames, one descriptor each, and write the tail now; returns when that was, in ns."""
        for data in frames:
            self.lay_out(data, command)
        now = self.engine.now
        self.engine.mmio_write(0, TDT.offset, self.tail)
        return now

    def written_back(self, index: int) -> bool:
        """Whether a descriptor's DD is set."""
        bits = int.from_bytes(self.engine.memory.read(RING_AT + 16 * index, 16), "little")
        return bool(TxDescriptor.from_bits(bits).status.DD)
