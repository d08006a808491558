"""Descriptor write-back, and the order of things (SDM 3.2.3, 3.2.4).

A descriptor is written back when the response says that its buffer is in memory, and the head moves and the driver
hears of it when the response says that the descriptor is. The DMA port has a single ID, so responses come in the order
of the bursts; a queue says what each of them was.

Only the upper half of a descriptor is written: the address in the lower half is the driver's and does not change.
"""

from amaranth.hdl import Assert, Module, Mux, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.axi import AxiWriteResponse, Resp
from hdl.nic.layouts import RxDescriptor, RxReport, RxStatus
from hdl.nic.rx_descriptors import DESCRIPTOR_BYTES, Ring
from hdl.nic.rx_segments import Segment

#: Write bursts that may be under way. 64-byte frames at 10 Gb/s on 64 bits at 156.25 MHz take two bursts every 10.5
#: clocks; with these queues they keep up while memory answers within 155 clocks (cocotb_tests/test_line_rate.py).
BURSTS = 32

#: Buffers that are being written or whose descriptors wait to be written back.
SEGMENTS = 32

#: Bytes of a descriptor that are written: its upper half.
WRITEBACK_BYTES = 8


class WriteBack(data.Struct):
    """A write of the upper half of a descriptor."""

    address: 64
    data: 64
    eop: 1
    small: 1  # it ends a frame that is no longer than RSRPD.SIZE


class Started(data.Struct):
    """A burst that has started, as the queue of bursts remembers it."""

    writeback: 1  # of a descriptor; else of a buffer
    last: 1  # of a buffer: its last burst; of a descriptor: it says EOP
    small: 1  # of a descriptor: it ends a frame that is no longer than RSRPD.SIZE


class RxWriteBack(wiring.Component):
    """See the module's docstring.

    Attributes:
        run: while low, segments are forgotten, and responses are swallowed.
        ring: where the descriptors are; may change only while ``run`` is low.
        head: index of the first descriptor to write back when ``run`` goes high.
        segment_valid, segment: a segment begins to be written; only while ``segment_room``.
        started_valid, started: a burst begins; only while ``burst_room``.
        writebacks: descriptors to be written.
        response: write responses of the DMA port.
        done: pulse, a descriptor is in memory.
        done_eop: with ``done``: it is the last one of a frame.
        done_small: with ``done``: and the frame is no longer than RSRPD.SIZE.
        idle: no burst is under way.
        empty: nor is a segment.
        fault: pulse, a burst was answered with an error.
    """

    run: In(1)
    ring: In(Ring)
    head: In(16)
    segment_valid: In(1)
    segment: In(Segment)
    segment_room: Out(1)
    started_valid: In(1)
    started: In(Started)
    burst_room: Out(1)
    writebacks: Out(stream.Signature(WriteBack))
    response: Out(AxiWriteResponse())
    done: Out(1)
    done_eop: Out(1)
    done_small: Out(1)
    idle: Out(1)
    empty: Out(1)
    fault: Out(1)

    def elaborate(self, platform):
        m = Module()
        answered = self._track_bursts(m)
        written = Signal()  # a buffer is in memory
        open_segments = Signal(range(SEGMENTS + 1))
        m.d.comb += [
            written.eq(self.response.bvalid & ~answered.writeback & answered.last),
            self.done.eq(self.response.bvalid & answered.writeback & self.run),
            self.done_eop.eq(answered.last),
            self.done_small.eq(answered.small),
            self.segment_room.eq(open_segments != SEGMENTS),
            self.empty.eq(self.idle & (open_segments == 0)),
        ]
        with m.If(~self.run):
            m.d.sync += open_segments.eq(0)
        with m.Elif(self.segment_valid ^ self.done):
            m.d.sync += open_segments.eq(Mux(self.done, open_segments - 1, open_segments + 1))
        self._write_back(m, written)
        return m

    def _track_bursts(self, m):
        """The queue of bursts under way; returns the one that a response belongs to."""
        m.submodules.bursts = bursts = memory.Memory(shape=Started, depth=BURSTS, init=[])
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
            self.fault.eq(self.response.bvalid & (self.response.bresp != Resp.OKAY)),
        ]
        with m.If(self.started_valid):
            m.d.sync += [write_pointer.eq(write_pointer + 1), Assert(self.burst_room)]
        with m.If(self.response.bvalid):
            m.d.sync += [read_pointer.eq(read_pointer + 1), Assert(level != 0)]
        with m.If(self.started_valid ^ self.response.bvalid):
            m.d.sync += level.eq(Mux(self.started_valid, level + 1, level - 1))
        return read_port.data

    def _write_back(self, m, written):
        """Descriptors of buffers that are in memory, in the order of the ring."""
        m.submodules.segments = segments = memory.Memory(
            shape=data.StructLayout({"length": 16, "eop": 1, "report": RxReport, "small": 1}), depth=SEGMENTS, init=[]
        )
        write_port, read_port = segments.write_port(), segments.read_port(domain="comb")
        write_pointer, read_pointer = Signal(range(SEGMENTS)), Signal(range(SEGMENTS))
        due = Signal(range(SEGMENTS + 1))  # buffers in memory, descriptors not yet on their way
        index = Signal(16)  # of the next descriptor in the ring
        take = self.writebacks.valid & self.writebacks.ready
        descriptor = Signal(RxDescriptor)
        eop, report = read_port.data.eop, read_port.data.report
        m.d.comb += [
            write_port.addr.eq(write_pointer),
            write_port.data.length.eq(self.segment.length),
            write_port.data.eop.eq(self.segment.eop),
            write_port.data.report.eq(self.segment.report),
            write_port.data.small.eq(self.segment.small),
            write_port.en.eq(self.segment_valid),
            read_port.addr.eq(read_pointer),
            descriptor.address.eq(0),  # not written
            descriptor.length.eq(read_port.data.length),
            descriptor.checksum.eq(report.checksum),
            descriptor.status.eq(report.status.as_value() | RxStatus.const({"DD": 1}).as_value()),
            descriptor.status.EOP.eq(eop),
            descriptor.errors.eq(report.errors),
            descriptor.special.eq(report.special),
            self.writebacks.payload.address.eq(self.ring.base + index * DESCRIPTOR_BYTES + WRITEBACK_BYTES),
            self.writebacks.payload.data.eq(descriptor.as_value()[8 * WRITEBACK_BYTES :]),
            self.writebacks.payload.eop.eq(eop),
            self.writebacks.payload.small.eq(read_port.data.small),
            self.writebacks.valid.eq((due != 0) & self.run),
        ]
        with m.If(~self.run):
            m.d.sync += [write_pointer.eq(0), read_pointer.eq(0), due.eq(0), index.eq(self.head)]
        with m.Else():
            with m.If(self.segment_valid):
                m.d.sync += write_pointer.eq(write_pointer + 1)
            with m.If(written ^ take):
                m.d.sync += due.eq(Mux(written, due + 1, due - 1))
            with m.If(take):
                m.d.sync += [
                    read_pointer.eq(read_pointer + 1),
                    index.eq(Mux(index + 1 == self.ring.size, 0, index + 1)),
                ]
