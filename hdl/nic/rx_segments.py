"""Cuts frames into the buffers of their queue's ring: one, or several if they are smaller than the frame (SDM 3.2.1).

A buffer has the size of RCTL.BSIZE, or with several queues that of SRRCTL.BSIZEPACKET if that is not zero. With several
queues a frame is dropped

- if its queue is off, or halted by a fault;
- if its queue has no descriptors and DROP_EN is set; a frame that has begun waits for more;
- for the rest of it, if its queue has no more descriptors and is being switched off.

The FIFO forgets its beats once those of the frames before it have been taken.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.layouts import RxReport
from hdl.nic.registers import layout
from hdl.nic.rx_descriptors import Buffer
from hdl.nic.rx_fifo import RxFrame

#: SRRCTL.DESCTYPE.
LEGACY, ADVANCED = 0, 1


class RxRoute(data.Struct):
    """Where a frame goes, and what RSS found out about it."""

    queue: range(regmap.MAX_QUEUES)
    rss_type: 4  # what was hashed; 0 for nothing
    rss_hash: 32


def segment_layout(queues: int) -> data.StructLayout:
    """The part of a frame that goes into one buffer, in a NIC with so many queues."""
    fields = {
        "address": 64,  # of the buffer
        "index": 16,  # of its descriptor
        "length": 16,  # bytes, at least one
        "eop": 1,  # end of packet: the frame's last segment
        "report": RxReport,  # zero but in the last one
        "small": 1,  # the frame is; only in the last one
    }
    if queues > 1:
        fields |= {"route": RxRoute, "advanced": 1}  # its descriptor is to be written back as an advanced one
    return data.StructLayout(fields)


class RxSegments(wiring.Component):
    """See the module's docstring.

    Parameters:
        queues: receive queues.

    Attributes:
        enable: a new frame may begin; one that has begun goes on without.
        run: while low, what is left of the frame is forgotten and nothing goes on.
        rctl: the register.
        frames: committed frames.
        buffers: of each queue.
        segments: the parts.
        idle: no frame has begun.
        drained: the beats of all segments so far have been taken.
        drop: the FIFO shall forget the rest of the frames that were taken.

        With several queues only, and but for the first two by queue:

        routes: of the frames, in their order.
        dropped: pulse by queue, a frame is dropped, or the rest of it.
        srrctl: the registers.
        begun: a frame for it has begun.
        off: no frame can go to it.
        closing: it is being switched off.
        exhausted: all its descriptors have been taken.
        faulted: it is halted.
    """

    def __init__(self, queues: int = 1):
        self._queues = queues
        several = {
            "routes": In(stream.Signature(RxRoute)),
            "dropped": Out(queues),
            "srrctl": In(data.ArrayLayout(layout(regmap.SRRCTL), queues)),
            "begun": Out(queues),
            "off": In(queues),
            "closing": In(queues),
            "exhausted": In(queues),
            "faulted": In(queues),
        }
        super().__init__(
            {
                "enable": In(1),
                "run": In(1),
                "rctl": In(layout(regmap.RCTL)),
                "frames": In(stream.Signature(RxFrame)),
                "buffers": In(stream.Signature(Buffer)).array(queues),
                "segments": Out(stream.Signature(segment_layout(queues))),
                "idle": Out(1),
                "drained": In(1),
                "drop": Out(1),
                **(several if queues > 1 else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        left = Signal(16)  # bytes of the frame that are in no segment yet
        report, small = Signal(RxReport), Signal()
        buffer_bytes = Signal(17)  # those set when the frame began: a driver may disable with RCTL = 0
        segment = self.segments.payload
        passed = self.segments.valid & self.segments.ready
        take = self.frames.valid & self.frames.ready
        buffer_valid, buffer = Signal(), Signal(Buffer)
        give_up = Signal()  # no segment is made of what is left
        size = Signal.like(buffer_bytes)
        m.d.comb += size.eq((2048 >> self.rctl.BSIZE) << Mux(self.rctl.BSEX, 4, 0))

        m.d.comb += [
            segment.address.eq(buffer.address),
            segment.index.eq(buffer.index),
            segment.eop.eq(left <= buffer_bytes),
            segment.length.eq(Mux(segment.eop, left, buffer_bytes)),
            segment.report.eq(Mux(segment.eop, report, 0)),
            segment.small.eq(segment.eop & small),
            self.segments.valid.eq((left != 0) & buffer_valid & self.run & ~give_up),
            self.drop.eq(give_up & self.drained),
            self.idle.eq(left == 0),
        ]
        frame_ready = (left == 0) & self.enable & self.run
        if self._queues == 1:
            m.d.comb += [
                buffer_valid.eq(self.buffers[0].valid),
                buffer.eq(self.buffers[0].payload),
                self.buffers[0].ready.eq((left != 0) & self.segments.ready & self.run),
                self.frames.ready.eq(frame_ready),
            ]
            frame_bytes = size
        else:
            m.d.comb += [
                self.frames.ready.eq(frame_ready & self.routes.valid),
                self.routes.ready.eq(take),
            ]
            queue = self._select_queue(m, take, left != 0, (buffer_valid, buffer), give_up)
            frame_bytes = self._size_of(self.routes.payload.queue, size)
            with m.If(self.drop):
                m.d.comb += self.dropped.bit_select(queue, 1).eq(1)

        with m.If(~self.run | self.drop):
            m.d.sync += left.eq(0)
        with m.Elif(take):
            m.d.sync += [
                left.eq(self.frames.payload.length),
                report.eq(self.frames.payload.report),
                small.eq(self.frames.payload.small),
                buffer_bytes.eq(frame_bytes),
            ]
        with m.Elif(passed):
            m.d.sync += left.eq(left - segment.length)
        return m

    def _size_of(self, queue, size):
        """Bytes of a queue's buffers."""
        packet = self.srrctl[queue].BSIZEPACKET
        return Mux(packet == 0, size, packet << 10)

    def _select_queue(self, m, take, begun, its_buffer, give_up):
        """Take buffers from the frame's queue, and decide whether to go on with it; returns the queue's number."""
        segment = self.segments.payload
        route = Signal(RxRoute)
        advanced = Signal()
        first = Signal()  # no segment has been made of the frame
        passed = self.segments.valid & self.segments.ready
        queue = route.queue
        with m.If(take):
            m.d.sync += [
                route.eq(self.routes.payload),
                advanced.eq(self.srrctl[self.routes.payload.queue].DESCTYPE == ADVANCED),
                first.eq(1),
            ]
        with m.Elif(passed):
            m.d.sync += first.eq(0)

        m.d.comb += [segment.route.eq(route), segment.advanced.eq(advanced)]
        with m.Switch(queue):
            for number, buffers in enumerate(self.buffers):
                with m.Case(number):
                    exhausted = self.exhausted[number] & (self.closing[number] | (self.srrctl[number].DROP_EN & first))
                    m.d.comb += [
                        its_buffer[0].eq(buffers.valid),
                        its_buffer[1].eq(buffers.payload),
                        buffers.ready.eq(passed),
                        self.begun[number].eq(begun),
                        give_up.eq(begun & self.run & (self.off[number] | self.faulted[number] | exhausted)),
                    ]
        return queue
