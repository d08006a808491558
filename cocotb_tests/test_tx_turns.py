"""Turns of transmit queues: packets stay whole, and what is told of them comes in the order of their pieces."""

import random

import cocotb
from cocotb.triggers import NextTimeStep, ReadOnly, RisingEdge

from cocotb_tests.streams import StreamSink
from cocotb_tests.support import cycles, simulate, start, write_verilog
from hdl.nic.tx_offload import TxSegment, TxSums
from hdl.nic.tx_piece import TxPiece
from hdl.nic.tx_turns import TxTurns

QUEUES = 3
PACKETS = 25
TOLD = ("segments", "sums")
INPUTS = (
    *(f"sources__{q}__{stream}__valid" for q in range(QUEUES) for stream in ("pieces", *TOLD)),
    *(f"sources__{q}__{signal}" for q in range(QUEUES) for signal in ("holds", "ends", "whole", "failed")),
    *(f"{stream}__ready" for stream in ("pieces", *TOLD)),
)


class Queue:
    """Plays a queue's TxSegments: each piece is made once the one before, and what was told with it, are taken.

    Attributes:
        packets: the pieces of each packet that it has offered so far; a context is a packet that no other waits for.
        told: what it has told, by stream.
        counted: packets whose end it has announced, by kind.
    """

    def __init__(self, dut, number: int, pause: float):
        self._dut, self._number, self._pause = dut, number, pause
        self.packets: list[list[int]] = []
        self.told: dict[str, list[int]] = {name: [] for name in TOLD}
        self.counted = {"whole": 0, "failed": 0}
        self._next = number << 12
        self.done = cocotb.start_soon(self._run())

    def _signal(self, name: str):
        return getattr(self._dut, f"sources__{self._number}__{name}")

    async def _run(self) -> None:
        for _ in range(PACKETS):
            context = random.random() < 0.3
            count = 1 if context else random.choice((1, 1, 2, 5))
            pieces = [self._new() for _ in range(count)]
            self.packets.append(pieces)
            for index, piece in enumerate(pieces):
                last = index == count - 1
                await self._free(wait=random.random() < self._pause)
                kind = random.choice(("whole", "failed", None)) if last and not context else None
                if kind:
                    self._signal(kind).value = 1
                    self.counted[kind] += 1
                await RisingEdge(self._dut.clk)
                self._withdraw()
                self._offer("pieces", TxPiece.const({"address": piece}).as_bits())
                self._signal("holds").value = int(not last)
                self._signal("ends").value = int(last and not context)
                for name in TOLD if not context else ():
                    if random.getrandbits(1):
                        self._tell(name, piece)
        await self._free()
        await RisingEdge(self._dut.clk)
        self._withdraw()

    def _withdraw(self) -> None:
        """What was offered has been taken, and what was announced has been seen."""
        for name in (*self.counted, *(f"{stream}__valid" for stream in ("pieces", *TOLD))):
            self._signal(name).value = 0

    def _new(self) -> int:
        self._next += 1
        return self._next

    def _tell(self, name: str, piece: int) -> None:
        self.told[name].append(piece)
        shape, field = {"segments": (TxSegment, "mss"), "sums": (TxSums, "transport_bytes")}[name]
        self._offer(name, shape.const({field: piece}).as_bits())

    def _offer(self, stream: str, bits: int) -> None:
        self._signal(f"{stream}__payload").value = bits
        self._signal(f"{stream}__valid").value = 1

    async def _free(self, *, wait: bool = False) -> None:
        """Until the edge that is to come takes the last of what is offered; with ``wait`` some clocks longer."""
        offered = ("pieces", *TOLD)
        while True:
            await ReadOnly()
            taken = [n for n in offered if self._signal(f"{n}__valid").value and self._signal(f"{n}__ready").value]
            left = [n for n in offered if self._signal(f"{n}__valid").value and n not in taken]
            if not left and not wait:
                await NextTimeStep()
                return
            wait = wait and random.random() < self._pause
            await RisingEdge(self._dut.clk)
            for name in taken:
                self._signal(f"{name}__valid").value = 0


async def watch(dut, pieces: list[tuple[int, int]], counted: dict[str, int]) -> None:
    """What leaves: each piece with its queue, and the counts."""
    while True:
        await ReadOnly()
        if dut.pieces__valid.value and dut.pieces__ready.value:
            address = TxPiece.from_bits(dut.pieces__payload.value.to_unsigned()).address
            pieces.append((dut.queue.value.to_unsigned(), address))
        counted["whole"] += int(dut.segmented.value)
        counted["failed"] += int(dut.segmentation_failed.value)
        await RisingEdge(dut.clk)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pause=[0, 0.5], told_pause=[0, 0.8])
async def packets_stay_whole(dut, pause, told_pause):
    await start(dut, **dict.fromkeys(INPUTS, 0))
    pieces, counted = [], {"whole": 0, "failed": 0}
    cocotb.start_soon(watch(dut, pieces, counted))
    StreamSink(dut, "pieces", pause=pause)
    sinks = {name: StreamSink(dut, name, pause=told_pause) for name in TOLD}
    queues = [Queue(dut, number, random.choice((0, 0.5))) for number in range(QUEUES)]
    for queue in queues:
        await queue.done
    await cycles(dut, 100)

    assert all(number == piece >> 12 for number, piece in pieces)
    order = [piece for _, piece in pieces]
    for number, queue in enumerate(queues):
        assert [piece for piece in order if piece >> 12 == number] == [p for packet in queue.packets for p in packet]
        for packet in queue.packets:
            at = order.index(packet[0])
            assert order[at : at + len(packet)] == packet, "another queue's piece is in a packet"
        for kind in counted:
            counted[kind] -= queue.counted[kind]
    assert counted == {"whole": 0, "failed": 0}
    for name, field, shape in (("segments", "mss", TxSegment), ("sums", "transport_bytes", TxSums)):
        told = [getattr(shape.from_bits(bits), field) for bits in sinks[name].payloads]
        assert told == [piece for piece in order if any(piece in queue.told[name] for queue in queues)]


def test_tx_turns():
    simulate("test_tx_turns", "tx_turns", [write_verilog(TxTurns(QUEUES), "tx_turns")])
