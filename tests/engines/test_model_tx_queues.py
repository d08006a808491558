"""Several transmit queues of the model engine: turns, a queue that is off or halted, and vectors."""

from __future__ import annotations

from emulator.engines.base import SentFrame
from emulator.engines.model import ModelEngine
from hdl.nic.layouts import TxDescriptor
from hdl.nic.regmap import (
    CTRL,
    EICR,
    EIMS,
    GPIE,
    ICR,
    IVAR,
    TCTL,
    TDBAL,
    TDH,
    TDLEN,
    TDT,
    TXDCTL,
    Register,
)
from tests.engines.board import BYTE_PS, COSTS, MMIO_NS, Board
from tests.engines.tx_board import IFCS, SHAPE, WHOLE

QUEUES = 3
SIZE = 32
LINK_NS = 3_000_000


class QueueBoard(Board):
    """A NIC with several transmit rings.

    Attributes:
        sent: frames that left it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.engine = ModelEngine(1, COSTS, BYTE_PS, queues=QUEUES)
        self.sent: list[bytes] = []
        self.tails = [0] * QUEUES
        self.engine.wires[0].listen(self._see)
        self.write(CTRL, CTRL.reset | CTRL.SLU)
        for queue in range(QUEUES):
            self.write_queue(TDBAL, queue, self._ring(queue))
            self.write_queue(TDLEN, queue, SIZE * 16)
            self.write_queue(TXDCTL, queue, TXDCTL.ENABLE)
        self.write(TCTL, TCTL.EN)
        self.run(LINK_NS)

    @staticmethod
    def _ring(queue: int) -> int:
        return 0x2_0000 + queue * 0x1000

    def _see(self, frame: SentFrame) -> None:
        self.sent.append(frame.data)

    def write_queue(self, register: type[Register], queue: int, value: int) -> None:
        """Write a register of a queue."""
        self.engine.mmio_write(0, register.at_queue(queue), value)
        self.run(3 * MMIO_NS)

    def head(self, queue: int) -> int:
        """TDH."""
        return self.read_at(TDH.at_queue(queue))

    def lay_out(self, queue: int, data: bytes, command: int = WHOLE, address: int | None = None) -> None:
        """Put a descriptor with data at a tail, which is not written yet."""
        at = 0x90_0000 + (queue * SIZE + self.tails[queue]) * 0x1000 if address is None else address
        if address is None:
            self.engine.memory.write(at, data)
        bits = TxDescriptor.const({"address": at, "length": len(data)}).as_bits()
        bits |= command << TxDescriptor.as_shape()["command"].offset
        self.engine.memory.write(self._ring(queue) + 16 * self.tails[queue], bits.to_bytes(16, "little"))
        self.tails[queue] = (self.tails[queue] + 1) % SIZE

    def kick(self, *queues: int) -> None:
        """Write tails, one right after the other."""
        for queue in queues:
            self.engine.mmio_write(0, TDT.at_queue(queue), self.tails[queue])
        self.run(1_000_000)


def frame(queue: int, number: int) -> bytes:
    return bytes([queue, number]).ljust(200, b"\0")


def test_queues_take_turns() -> None:
    board = QueueBoard()
    board.write(TCTL, 0)
    for queue in range(QUEUES):
        for number in range(20):
            board.lay_out(queue, frame(queue, number))
    board.kick(*range(QUEUES))
    assert not board.sent
    board.write(TCTL, TCTL.EN)
    board.run(1_000_000)
    assert board.sent == [frame(queue, number) for number in range(20) for queue in range(QUEUES)]
    assert [board.head(queue) for queue in range(QUEUES)] == [20] * QUEUES


def test_half_a_packet_keeps_the_others_waiting_until_its_queue_is_off() -> None:
    board = QueueBoard()
    board.lay_out(0, bytes(100), IFCS)
    board.kick(0)
    board.lay_out(1, frame(1, 0))
    board.kick(1)
    assert (board.head(0), board.head(1)) == (1, 0)
    board.write_queue(TXDCTL, 0, 0)
    board.run(1_000_000)
    assert board.sent == [frame(1, 0)]
    board.write_queue(TXDCTL, 0, TXDCTL.ENABLE)
    board.lay_out(0, frame(0, 1))
    board.kick(0)
    assert board.sent == [frame(1, 0), frame(0, 1)]


def test_a_queue_that_an_error_halts_in_mid_packet_does_not_stop_the_others() -> None:
    board = QueueBoard()
    board.lay_out(0, bytes(100), IFCS)
    board.lay_out(0, bytes(100), address=(1 << 40))
    for queue in (1, 2):
        for number in range(5):
            board.lay_out(queue, frame(queue, number))
    board.kick(0, 1, 2)
    assert board.read(ICR) & ICR.FER
    assert sorted(board.sent) == sorted(frame(queue, number) for queue in (1, 2) for number in range(5))
    board.lay_out(0, frame(0, 0))
    board.kick(0)
    assert len(board.sent) == 10


def test_each_queue_has_its_vector() -> None:
    board = QueueBoard()
    board.write(GPIE, int(GPIE.MULTIPLE_MSIX))
    for queue in range(QUEUES):
        board.engine.mmio_write(0, IVAR.at(queue), IVAR.TX_VALID | IVAR.TX_VECTOR.put(queue + 1))
    board.write(EIMS, (1 << QUEUES + 1) - 1)
    board.read(ICR)
    for queue in range(QUEUES):
        board.lay_out(queue, frame(queue, 0), WHOLE | 1 << SHAPE["IDE"].offset)
        board.kick(queue)
        assert board.read(EICR) == 1 << queue + 1
    assert not board.read(ICR) & ICR.TXDW
