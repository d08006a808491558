"""Descriptor write-back: the order of payload, descriptor and head, with responses that come late."""

import random
from collections import deque

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.support import cycles, simulate, start, write_verilog
from hdl.nic.axi import Resp
from hdl.nic.layouts import RxDescriptor, RxStatus
from hdl.nic.rx_descriptors import DESCRIPTOR_BYTES
from hdl.nic.rx_segments import segment_layout
from hdl.nic.rx_writeback import BURSTS, SEGMENTS, RxWriteBack, started_layout, writeback_layout

INPUTS = ("run", "bases", "segment_valid", "started_valid", "writebacks__ready", "response__bvalid")
BASE = 0x4000


class Writer:
    """Plays the writer and memory: starts the bursts of segments and of write-backs, and answers them later.

    Attributes:
        answered: segments whose payload has been answered.
        writebacks: write-backs that were started: address, descriptor, EOP.
        done: write-backs that were answered.
        small: whether they ended a small frame, as ``done_small`` said.
    """

    def __init__(self, dut, latency: int):
        self.dut, self.latency = dut, latency
        self.answered, self.done = 0, 0
        self.small: list[int] = []
        self.writebacks: list[tuple[int, object, int]] = []
        self._to_start: deque[int] = deque()  # bursts of segments that are left, by segment
        self._under_way: deque[tuple[int, str]] = deque()
        cocotb.start_soon(self._run())

    def segment(self) -> None:
        """The segment that is on the port in this cycle will be written."""
        self._to_start.append(random.randint(1, 3))

    async def _run(self) -> None:
        dut, now = self.dut, 0
        while True:
            due = bool(self._under_way) and now >= self._under_way[0][0]
            dut.response__bvalid.value = int(due)
            room = len(self._under_way) < BURSTS
            dut.writebacks__ready.value = int(room and random.random() < 0.5)
            dut.started_valid.value = 0
            await ReadOnly()
            assert bool(dut.burst_room.value) == room
            if due:
                self._answer(self._under_way.popleft()[1])
            kind = self._next_burst() if room else None
            await RisingEdge(dut.clk)
            now += 1
            if kind:
                await self._start(kind, now)
                now += 1

    def _answer(self, kind: str) -> None:
        dut = self.dut
        self.answered += kind == "last"
        assert bool(dut.done.value) == (kind in ("descriptor", "eop"))
        if dut.done.value:
            assert bool(dut.done_eop.value) == (kind == "eop")
            self.done += 1
            self.small.append(int(dut.done_small.value))

    def _next_burst(self) -> str | None:
        dut = self.dut
        if dut.writebacks__valid.value and dut.writebacks__ready.value:
            item = writeback_layout(1).from_bits(dut.writebacks__payload.value.to_unsigned())
            assert len(self.writebacks) < self.answered, "a descriptor before its payload was answered"
            descriptor = RxDescriptor.from_bits(item.data << 64)
            self.writebacks.append((item.address, descriptor, item.eop))
            self._small = item.small
            return "eop" if item.eop else "descriptor"
        if self._to_start and random.random() < 0.8:
            self._to_start[0] -= 1
            if self._to_start[0]:
                return "more"
            self._to_start.popleft()
            return "last"
        return None

    async def _start(self, kind: str, now: int) -> None:
        dut = self.dut
        writeback = kind in ("descriptor", "eop")
        dut.response__bvalid.value = dut.writebacks__ready.value = 0
        started = {"writeback": writeback, "last": kind in ("last", "eop"), "small": writeback and self._small}
        dut.started.value = started_layout(1).const(started).as_bits()
        dut.started_valid.value = 1
        self._under_way.append((now + self.latency, kind))
        await RisingEdge(dut.clk)


def random_segment():
    """As it comes from the block before: what is said of the frame is in its last segment."""
    eop = random.getrandbits(1)
    report = {"checksum": random.getrandbits(16), "special": random.getrandbits(16), "status": {"VP": 1}}
    report |= {"errors": {"CE": random.getrandbits(1)}}
    return segment_layout(1).const(
        {
            "length": random.getrandbits(14),
            "index": random.getrandbits(16),
            "eop": eop,
            "report": report if eop else {},
            "small": eop and random.getrandbits(1),
        }
    )


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(latency=[1, 40, 300])
async def keeps_the_order(dut, latency):
    """Descriptors in ring order, each after its payload; all that a segment says is in its descriptor."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    dut.bases.value = BASE
    await cycles(dut, 2)
    dut.run.value = 1
    writer, sent = Writer(dut, latency), []
    while len(sent) < 120:
        segment = random_segment()
        await ReadOnly()
        room = bool(dut.segment_room.value)
        await RisingEdge(dut.clk)
        if room and random.random() < 0.7:
            dut.segment.value, dut.segment_valid.value = segment.as_bits(), 1
            await RisingEdge(dut.clk)
            dut.segment_valid.value = 0
            writer.segment()
            sent.append(segment)
    while not dut.empty.value:
        await RisingEdge(dut.clk)

    assert writer.done == len(sent)
    for segment, (address, descriptor, eop) in zip(sent, writer.writebacks, strict=True):
        assert address == BASE + segment.index * DESCRIPTOR_BYTES + 8
        assert (descriptor.length, eop) == (segment.length, segment.eop)
        report = segment.report
        status = RxStatus.const({"DD": 1, "EOP": segment.eop}).as_bits() | report.status.as_bits()
        assert descriptor.status.as_bits() == status
        assert descriptor.errors.as_bits() == report.errors.as_bits()
        assert (descriptor.checksum, descriptor.special) == (report.checksum, report.special)
    assert writer.small == [segment.small for segment in sent]


@cocotb.test()
async def has_limits(dut):
    """So many segments and bursts are taken and no more."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    dut.run.value = 1
    for port, room, limit in (("segment_valid", "segment_room", SEGMENTS), ("started_valid", "burst_room", BURSTS)):
        dut.started.value = started_layout(1).const({}).as_bits()
        for _ in range(limit):
            await ReadOnly()
            assert getattr(dut, room).value
            await RisingEdge(dut.clk)
            getattr(dut, port).value = 1
            await RisingEdge(dut.clk)
            getattr(dut, port).value = 0
        await ReadOnly()
        assert not getattr(dut, room).value
        await RisingEdge(dut.clk)


@cocotb.test()
async def stopped_it_swallows_responses(dut):
    """Bursts that were under way when ``run`` fell are answered without effect."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    dut.run.value = 1
    dut.started.value = started_layout(1).const({"writeback": 1, "last": 1}).as_bits()
    dut.started_valid.value = 1
    await cycles(dut, 3)
    dut.started_valid.value, dut.run.value = 0, 0
    await RisingEdge(dut.clk)
    dut.response__bvalid.value = 1
    for _ in range(3):
        await ReadOnly()
        assert not dut.idle.value
        assert not dut.done.value
        await RisingEdge(dut.clk)
    dut.response__bvalid.value = 0
    await ReadOnly()
    assert dut.idle.value


@cocotb.test()
async def reports_error_responses(dut):
    """Any response but OKAY is a fault."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    dut.run.value = 1
    dut.started.value, dut.started_valid.value = started_layout(1).const({}).as_bits(), 1
    await cycles(dut, 2)
    dut.started_valid.value = 0
    for resp in (Resp.OKAY, Resp.SLVERR):
        dut.response__bvalid.value, dut.response__bresp.value = 1, resp.value
        await ReadOnly()
        assert bool(dut.faults.value) == (resp is Resp.SLVERR)
        await RisingEdge(dut.clk)


def test_rx_writeback():
    simulate("test_rx_writeback", "rx_writeback", [write_verilog(RxWriteBack(), "rx_writeback")])
