"""Cuts frames into the buffers of the ring: one, or several if RCTL.BSIZE is smaller than the frame (SDM 3.2.1)."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.layouts import RxReport
from hdl.nic.registers import layout
from hdl.nic.rx_fifo import RxFrame


class Segment(data.Struct):
    """The part of a frame that goes into one buffer."""

    address: 64  # of the buffer
    length: 16  # bytes, at least one
    eop: 1  # end of packet: the frame's last segment
    report: RxReport  # zero but in the last one
    small: 1  # the frame is; only in the last one


class RxSegments(wiring.Component):
    """See the module's docstring.

    Attributes:
        enable: a new frame may begin; one that has begun goes on without.
        run: while low, what is left of the frame is forgotten and nothing goes on.
        rctl: the register.
        frames: committed frames.
        buffers: addresses of buffers.
        segments: the parts.
        idle: no frame has begun.
    """

    enable: In(1)
    run: In(1)
    rctl: In(layout(regmap.RCTL))
    frames: In(stream.Signature(RxFrame))
    buffers: In(stream.Signature(64))
    segments: Out(stream.Signature(Segment))
    idle: Out(1)

    def elaborate(self, platform):
        m = Module()
        left = Signal(16)  # bytes of the frame that are in no segment yet
        report, small = Signal(RxReport), Signal()
        buffer_bytes = Signal(16)  # those set when the frame began: a driver may disable with RCTL = 0
        segment = self.segments.payload

        m.d.comb += [
            segment.address.eq(self.buffers.payload),
            segment.eop.eq(left <= buffer_bytes),
            segment.length.eq(Mux(segment.eop, left, buffer_bytes)),
            segment.report.eq(Mux(segment.eop, report, 0)),
            segment.small.eq(segment.eop & small),
            self.segments.valid.eq((left != 0) & self.buffers.valid & self.run),
            self.buffers.ready.eq((left != 0) & self.segments.ready & self.run),
            self.frames.ready.eq((left == 0) & self.enable & self.run),
            self.idle.eq(left == 0),
        ]
        with m.If(~self.run):
            m.d.sync += left.eq(0)
        with m.Elif(self.frames.valid & self.frames.ready):
            m.d.sync += [
                left.eq(self.frames.payload.length),
                report.eq(self.frames.payload.report),
                small.eq(self.frames.payload.small),
                buffer_bytes.eq((2048 >> self.rctl.BSIZE) << Mux(self.rctl.BSEX, 4, 0)),
            ]
        with m.Elif(self.segments.valid & self.segments.ready):
            m.d.sync += left.eq(left - segment.length)
        return m
