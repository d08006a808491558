"""Descriptor write-back, and the order of things (SDM 3.2.3, 3.2.4).

A descriptor is written back when the response says that its buffer is in memory, and the head moves and the driver
hears of it when the response says that the descriptor is. The DMA port has a single ID, so responses come in the order
of the bursts; a queue says what each of them was.

Only the upper half of a legacy descriptor is written: the address in the lower half is the driver's and does not
change. An advanced descriptor is written as a whole; its upper half has the bytes of the legacy one in other places
(82576, 7.1.5.2).
"""

from amaranth.hdl import Assert, Cat, Const, Module, Mux, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.axi import AxiWriteResponse, Resp
from hdl.nic.layouts import RxDescriptor, RxStatus
from hdl.nic.rx_segments import segment_layout

#: Write bursts that may be under way. 64-byte frames at 10 Gb/s on 64 bits at 156.25 MHz take two bursts every 10.5
#: clocks; with these queues they keep up while memory answers within 155 clocks (cocotb_tests/test_line_rate.py).
BURSTS = 32

#: Buffers that are being written or whose descriptors wait to be written back.
SEGMENTS = 32

#: Bytes of a legacy descriptor that are written: its upper half.
WRITEBACK_BYTES = 8


def writeback_layout(queues: int) -> data.StructLayout:
    """A write of a descriptor, or of its upper half, in a NIC with so many queues."""
    fields = {
        "address": 64,  # of the first byte that is written
        "data": 64 if queues == 1 else 128,  # with several queues the whole descriptor
        "eop": 1,
        "small": 1,  # it ends a frame that is no longer than RSRPD.SIZE
    }
    if queues > 1:
        fields |= {"whole": 1, "queue": range(queues)}  # not only the upper half
    return data.StructLayout(fields)


def started_layout(queues: int) -> data.StructLayout:
    """A burst that has started, as the queue of bursts remembers it."""
    fields = {
        "writeback": 1,  # of a descriptor; else of a buffer
        "last": 1,  # of a buffer: its last burst; of a descriptor: it says EOP
        "small": 1,  # of a descriptor: it ends a frame that is no longer than RSRPD.SIZE
    }
    return data.StructLayout(fields | ({"queue": range(queues)} if queues > 1 else {}))


class RxWriteBack(wiring.Component):
    """See the module's docstring.

    Parameters:
        queues: receive queues.

    Attributes:
        run: while low, segments are forgotten, and responses are swallowed.
        bases: address of each queue's ring; may change only while nothing of the queue is here.
        segment_valid, segment: a segment begins to be written; only while ``segment_room``.
        started_valid, started: a burst begins; only while ``burst_room``.
        writebacks: descriptors to be written.
        response: write responses of the DMA port.
        done: pulses by queue: a descriptor is in memory.
        done_eop: with ``done``: it is the last one of a frame.
        done_small: with ``done``: and the frame is no longer than RSRPD.SIZE.
        idle: no burst is under way.
        empty: nor is a segment.
        faults: pulses by queue: a burst was answered with an error.
        faulted: by queue: its descriptors are not written back any more; only with several queues.
        skipped: pulses by queue: so it was done with one; only with several queues.
    """

    def __init__(self, queues: int = 1):
        self._queues = queues
        super().__init__(
            {
                "run": In(1),
                "bases": In(data.ArrayLayout(64, queues)),
                "segment_valid": In(1),
                "segment": In(segment_layout(queues)),
                "segment_room": Out(1),
                "started_valid": In(1),
                "started": In(started_layout(queues)),
                "burst_room": Out(1),
                "writebacks": Out(stream.Signature(writeback_layout(queues))),
                "response": Out(AxiWriteResponse()),
                "done": Out(queues),
                "done_eop": Out(1),
                "done_small": Out(1),
                "idle": Out(1),
                "empty": Out(1),
                "faults": Out(queues),
                **({"faulted": In(queues), "skipped": Out(queues)} if queues > 1 else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        answered = self._track_bursts(m)
        written = Signal()  # a buffer is in memory
        done = Signal()
        open_segments = Signal(range(SEGMENTS + 1))
        owner = Const(1) if self._queues == 1 else 1 << answered.queue  # one bit by queue
        m.d.comb += [
            written.eq(self.response.bvalid & ~answered.writeback & answered.last),
            done.eq(self.response.bvalid & answered.writeback & self.run),
            self.done.eq(Mux(done, owner, 0)),
            self.done_eop.eq(answered.last),
            self.done_small.eq(answered.small),
            self.faults.eq(Mux(self.response.bvalid & (self.response.bresp != Resp.OKAY), owner, 0)),
            self.segment_room.eq(open_segments < SEGMENTS),
            self.empty.eq(self.idle & (open_segments == 0)),
        ]
        skip = self._write_back(m, written)
        with m.If(~self.run):
            m.d.sync += open_segments.eq(0)
        with m.Elif(self.segment_valid | done | skip):
            m.d.sync += open_segments.eq(open_segments + self.segment_valid - done - skip)
        return m

    def _track_bursts(self, m):
        """The queue of bursts under way; returns the one that a response belongs to."""
        m.submodules.bursts = bursts = memory.Memory(shape=started_layout(self._queues), depth=BURSTS, init=[])
        write_port, read_port = bursts.write_port(), bursts.read_port(domain="comb")
        write_pointer, read_pointer = Signal(range(BURSTS)), Signal(range(BURSTS))
        level = Signal(range(BURSTS + 1))
        m.d.comb += [
            write_port.addr.eq(write_pointer),
            write_port.data.eq(self.started),
            write_port.en.eq(self.started_valid),
            read_port.addr.eq(read_pointer),
            self.burst_room.eq(level != BURSTS),
            self.idle.eq(level == 0),
            self.response.bready.eq(1),
        ]
        with m.If(self.started_valid):
            m.d.sync += [write_pointer.eq(write_pointer + 1), Assert(self.burst_room)]
        with m.If(self.response.bvalid):
            m.d.sync += [read_pointer.eq(read_pointer + 1), Assert(level != 0)]
        with m.If(self.started_valid ^ self.response.bvalid):
            m.d.sync += level.eq(Mux(self.started_valid, level + 1, level - 1))
        return read_port.data

    def _write_back(self, m, written):
        """Descriptors of buffers that are in memory, in the order of the bursts; returns whether one is skipped."""
        m.submodules.segments = segments = memory.Memory(shape=segment_layout(self._queues), depth=SEGMENTS, init=[])
        write_port, read_port = segments.write_port(), segments.read_port(domain="comb")
        write_pointer, read_pointer = Signal(range(SEGMENTS)), Signal(range(SEGMENTS))
        due = Signal(range(SEGMENTS + 1))  # buffers in memory, descriptors not yet on their way
        skip = Signal()
        coming = Signal(writeback_layout(self._queues))
        free = ~self.writebacks.valid | self.writebacks.ready
        take = (due != 0) & self.run & (free | skip)
        segment = read_port.data
        m.d.comb += [
            write_port.addr.eq(write_pointer),
            write_port.data.eq(self.segment),
            write_port.data.address.eq(0),  # of the buffer: not needed here
            write_port.en.eq(self.segment_valid),
            read_port.addr.eq(read_pointer),
            coming.eop.eq(segment.eop),
            coming.small.eq(segment.small),
        ]
        if self._queues == 1:
            self._legacy(m, segment, coming)
        else:
            queue = segment.route.queue
            self._either(m, segment, coming)
            m.d.comb += [
                skip.eq((due != 0) & self.run & self.faulted.bit_select(queue, 1)),
                self.skipped.eq(Mux(skip, 1 << queue, 0)),
                coming.queue.eq(queue),
            ]
        with m.If(~self.run):
            m.d.sync += [write_pointer.eq(0), read_pointer.eq(0), due.eq(0), self.writebacks.valid.eq(0)]
        with m.Else():
            with m.If(free):
                m.d.sync += self.writebacks.valid.eq(take & ~skip)
                with m.If(take):
                    m.d.sync += self.writebacks.payload.eq(coming)
            with m.If(self.segment_valid):
                m.d.sync += write_pointer.eq(write_pointer + 1)
            with m.If(written ^ take):
                m.d.sync += due.eq(Mux(written, due + 1, due - 1))
            with m.If(take):
                m.d.sync += read_pointer.eq(read_pointer + 1)
        return skip

    def _legacy(self, m, segment, writeback):
        """The upper half of a legacy descriptor."""
        upper_half = Cat(Const(WRITEBACK_BYTES, 4), segment.index)  # the base has zeros there
        m.d.comb += [writeback.address.eq(self.bases[0] + upper_half), writeback.data.eq(_legacy_half(m, segment))]

    def _either(self, m, segment, writeback):
        """A descriptor of the kind that its queue has."""
        legacy = _legacy_half(m, segment)
        checksum, status, errors, special = legacy[16:32], legacy[32:40], legacy[40:48], legacy[48:64]
        no_hash = Cat(Const(0, 16), checksum)  # its place is that of the packet's checksum
        hashed = segment.route.rss_type != 0
        lower = Cat(segment.route.rss_type, Const(0, 28), Mux(hashed, segment.route.rss_hash, no_hash))
        upper = Cat(status, Const(0, 16), errors, segment.length, special)
        within = Cat(Mux(segment.advanced, 0, Const(WRITEBACK_BYTES, 4)), segment.index)  # the base has zeros there
        m.d.comb += [
            writeback.whole.eq(segment.advanced),
            writeback.address.eq(self.bases[segment.route.queue] + within),
            writeback.data.eq(Cat(lower, Mux(segment.advanced, upper, legacy))),
        ]


def _legacy_half(m, segment):
    """The upper half of the legacy descriptor of a segment."""
    descriptor = Signal(RxDescriptor)
    report = segment.report
    m.d.comb += [
        descriptor.address.eq(0),  # not written
        descriptor.length.eq(segment.length),
        descriptor.checksum.eq(report.checksum),
        descriptor.status.eq(report.status.as_value() | RxStatus.const({"DD": 1}).as_value()),
        descriptor.status.EOP.eq(segment.eop),
        descriptor.errors.eq(report.errors),
        descriptor.special.eq(report.special),
    ]
    return descriptor.as_value()[8 * WRITEBACK_BYTES :]
