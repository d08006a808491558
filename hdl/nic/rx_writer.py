"""DMA writer: puts segments and descriptor write-backs onto the write channels of the DMA port.

It works burst by burst: a burst's address and its data start together, and the next burst starts with the last beat of
the one before if the address has been taken by then, so that there is no gap on the data channel. Bursts of segments
are prepared in steps, as each of them takes an addition or a comparison. A burst ends at
every multiple of 4 KiB, or of 256 beats where that is less. Write-backs go before segments, also between two bursts of
one segment.

A buffer may begin at any byte. A frame's beats are shifted up by the buffer's offset within a beat; what that pushes
out at the top goes into the next beat, and may need a beat of its own at the end, the spill.
"""

from amaranth.hdl import Assert, Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.axi import BOUNDARY, MAX_BEATS, AxiWrite, Burst
from hdl.nic.rx_descriptors import DESCRIPTOR_BYTES
from hdl.nic.rx_segments import segment_layout
from hdl.nic.rx_writeback import WRITEBACK_BYTES, started_layout, writeback_layout


class RxWriter(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of the DMA port.
        queues: receive queues.

    Attributes:
        run: while low no burst starts, and the beats that a started one still owes write nothing: no strobe is set.
        hold: start no burst.
        segments: parts of frames.
        beats: beats of frames; each segment begins with a beat of its own.
        writebacks: descriptors.
        started_valid, started: pulse, a burst starts.
        axi: write channels of the DMA port.
        idle: nothing is on the channels.
        drained: the beats of all segments so far have been taken.
    """

    def __init__(self, data_width: int, queues: int = 1):
        self._beat_bytes = data_width // 8
        self._several = queues > 1
        super().__init__(
            {
                "run": In(1),
                "hold": In(1),
                "segments": In(stream.Signature(segment_layout(queues))),
                "beats": In(stream.Signature(data_width)),
                "writebacks": In(stream.Signature(writeback_layout(queues))),
                "started_valid": Out(1),
                "started": Out(started_layout(queues)),
                "axi": Out(AxiWrite(data_width)),
                "idle": Out(1),
                "drained": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        axi = self.axi
        lane = range(self._beat_bytes)
        kind = data.StructLayout(
            {
                "writeback": 1,
                "whole": 1,  # of a whole descriptor
                "first": 1,  # begins a segment
                "last": 1,  # ends it
                "spill": 1,  # its last beat holds only what was pushed out of the one before
                "offset": lane,  # of the first byte of the segment
                "end": lane,  # behind the last byte; 0 if that is in the top lane
            }
        )
        burst_layout = data.StructLayout({"address": 64, "beats": range(MAX_BEATS + 1), "kind": kind})
        coming = Signal(burst_layout)
        burst = Signal(kind)  # the burst on the data channel
        start = Signal()  # the coming burst becomes the present one
        take = Signal()  # the output register takes a beat
        self._active, self._final = (
            Signal(),
            Signal(),
        )  # beats are left that are not in the output register yet; only one
        if self._several:
            self._queue = Signal.like(self.started.queue, name="queue")  # of the prepared burst

        prepared, prepared_valid, under_preparation = self._prepare(m, burst_layout, start & ~self.writebacks.valid)
        m.d.comb += coming.eq(prepared)
        with m.If(self.writebacks.valid):
            self._coming_writeback(m, coming)

        over = ~self._active | (take & self._final)
        free = over & (~axi.awvalid | axi.awready) & self.run & ~self.hold
        m.d.comb += [
            start.eq(free & (self.writebacks.valid | prepared_valid)),
            self.writebacks.ready.eq(free),
            self.started_valid.eq(start),
            self.started.writeback.eq(coming.kind.writeback),
            self.started.small.eq(self.writebacks.valid & self.writebacks.payload.small),
            self.started.last.eq(Mux(self.writebacks.valid, self.writebacks.payload.eop, coming.kind.last)),
            self.idle.eq(~self._active & ~axi.awvalid & ~axi.wvalid),
            self.drained.eq(~under_preparation & (~self._active | burst.writeback)),
        ]
        if self._several:
            m.d.comb += self.started.queue.eq(Mux(self.writebacks.valid, self.writebacks.payload.queue, self._queue))
        self._send_address(m, coming, start)
        self._send_data(m, burst, take, start, coming)
        with m.If(start):
            m.d.sync += burst.eq(coming.kind)
        return m

    def _prepare(self, m, burst_layout, started):
        """Bursts of segments: each takes three cycles, and there may be one in every second cycle.

        Arguments:
            m: the module.
            burst_layout: a burst.
            started: the prepared burst becomes the present one.

        Returns:
            The prepared burst, whether there is one, and whether there is one or will be one.
        """
        beat_bytes = self._beat_bytes
        boundary = min(BOUNDARY, MAX_BEATS * beat_bytes)
        lane = range(beat_bytes)
        left = Signal(16)  # bytes of the segment that are in no burst
        part = Signal(
            data.StructLayout(
                {"address": 64, "size": range(boundary + 1), "first": 1, "last": 1, "offset": lane, "end": lane}
            )
        )
        part_valid = Signal()
        prepared, prepared_valid = Signal(burst_layout), Signal()
        cut = (left != 0) & ~part_valid
        self._cut_segment(m, left, part, cut, boundary)

        finish = part_valid & ~prepared_valid
        if self._several:
            self._follow_queue(m, cut, finish)
        bytes_with_offset = part.address % beat_bytes + part.size
        kind = prepared.kind
        with m.If(finish):
            m.d.sync += [
                prepared.address.eq(part.address),
                prepared.beats.eq((bytes_with_offset + (beat_bytes - 1)) // beat_bytes),
                kind.first.eq(part.first),
                kind.last.eq(part.last),
                kind.offset.eq(part.offset),
                kind.end.eq(part.end),
                kind.spill.eq(part.last & (part.end != 0) & (part.offset >= part.end)),
            ]
        with m.If(~self.run):
            m.d.sync += [part_valid.eq(0), prepared_valid.eq(0)]
        with m.Else():
            m.d.sync += [
                part_valid.eq(cut | (part_valid & ~finish)),
                prepared_valid.eq(finish | (prepared_valid & ~started)),
            ]
        return prepared, prepared_valid, (left != 0) | part_valid | prepared_valid

    def _cut_segment(self, m, left, part, cut, boundary):
        """Take a segment, and cut ``part`` off it, up to the next boundary."""
        address = Signal(64)
        first = Signal()
        offset = Signal(range(self._beat_bytes))
        to_boundary = Signal(range(boundary + 1))
        last = left <= to_boundary
        with m.If(cut):
            m.d.sync += [
                part.address.eq(address),
                part.size.eq(Mux(last, left, to_boundary)),
                part.first.eq(first),
                part.last.eq(last),
                part.offset.eq(offset),
                part.end.eq(address + left),
                address.eq((address // boundary + 1) * boundary),
                to_boundary.eq(boundary),
                left.eq(Mux(last, 0, left - to_boundary)),
                first.eq(0),
            ]
        m.d.comb += self.segments.ready.eq((left == 0) & self.run)
        with m.If(~self.run):
            m.d.sync += left.eq(0)
        with m.Elif(self.segments.valid & self.segments.ready):
            segment = self.segments.payload
            m.d.sync += [
                address.eq(segment.address),
                to_boundary.eq(boundary - segment.address % boundary),
                left.eq(segment.length),
                first.eq(1),
                offset.eq(segment.address),
            ]

    def _follow_queue(self, m, cut, finish):
        """The queue of a segment goes with it."""
        of_segment, of_part = (Signal.like(self._queue, name=f"queue_of_{what}") for what in ("segment", "part"))
        with m.If(self.segments.valid & self.segments.ready):
            m.d.sync += of_segment.eq(self.segments.payload.route.queue)
        with m.If(cut):
            m.d.sync += of_part.eq(of_segment)
        with m.If(finish):
            m.d.sync += self._queue.eq(of_part)

    def _coming_writeback(self, m, coming):
        """A write-back as a burst: like a segment that lies within one beat, or two if a beat is half a descriptor."""
        address = self.writebacks.payload.address
        whole = self.writebacks.payload.whole if self._several else 0
        m.d.comb += [
            coming.address.eq(address),
            coming.beats.eq(Mux(whole, -(-DESCRIPTOR_BYTES // self._beat_bytes), 1)),
            coming.kind.writeback.eq(1),
            coming.kind.whole.eq(whole),
            coming.kind.first.eq(1),
            coming.kind.last.eq(1),
            coming.kind.spill.eq(0),
            coming.kind.offset.eq(address),
            coming.kind.end.eq(address + Mux(whole, DESCRIPTOR_BYTES, WRITEBACK_BYTES)),
        ]

    def _send_address(self, m, coming, start):
        axi = self.axi
        beat_bytes = self._beat_bytes
        m.d.comb += [
            axi.awid.eq(0),
            axi.awsize.eq(beat_bytes.bit_length() - 1),
            axi.awburst.eq(Burst.INCR),
        ]
        with m.If(start):
            m.d.sync += [
                axi.awvalid.eq(1),
                axi.awaddr.eq(coming.address - coming.address % beat_bytes),
                axi.awlen.eq(coming.beats - 1),
            ]
            first_beat = coming.address % BOUNDARY // beat_bytes
            m.d.sync += Assert((coming.beats != 0) & (first_beat + coming.beats <= BOUNDARY // beat_bytes))
        with m.Elif(axi.awready):
            m.d.sync += axi.awvalid.eq(0)

    def _send_data(self, m, burst, take, start, coming):
        axi = self.axi
        width = len(axi.wdata)
        lanes = self._beat_bytes
        before = Signal(width)  # the beat of the frame that was sent last
        shift = Signal(range(width + 1))
        shifted = Signal(width)
        descriptor = Signal.like(self.writebacks.payload.data)
        of_descriptor = Signal(width)  # its beat
        spilling = Signal()
        final, active = self._final, self._active
        more = Signal(range(MAX_BEATS))  # beats behind the next one
        after_offset, before_end = Signal(lanes), Signal(lanes)
        m.d.comb += [
            spilling.eq(burst.spill & final),
            shift.eq((lanes - burst.offset) * 8),
            shifted.eq(Cat(before, self.beats.payload) >> shift),
            take.eq(active & (~axi.wvalid | axi.wready) & (burst.writeback | spilling | self.beats.valid | ~self.run)),
            self.beats.ready.eq(take & ~burst.writeback & ~spilling),
            after_offset.eq(Mux(burst.first, ((1 << lanes) - 1) << burst.offset, ~0)),
            before_end.eq(Mux(burst.last & final & (burst.end != 0), (1 << burst.end) - 1, ~0)),
        ]
        with m.If(self.writebacks.valid & self.writebacks.ready):
            m.d.sync += descriptor.eq(self.writebacks.payload.data)
        if width < len(descriptor):
            m.d.comb += of_descriptor.eq(Mux(final, descriptor[width:], descriptor[:width]))
        else:
            m.d.comb += of_descriptor.eq(descriptor.replicate(width // len(descriptor)))
        with m.If(take):
            m.d.sync += [
                axi.wvalid.eq(1),
                axi.wlast.eq(final),
                axi.wstrb.eq(Mux(self.run, after_offset & before_end, 0)),
                axi.wdata.eq(Mux(burst.writeback, of_descriptor, shifted)),
                burst.first.eq(0),
                more.eq(more - 1),
                final.eq(more == 1),
                active.eq(~final),
            ]
            with m.If(~burst.writeback):
                m.d.sync += before.eq(self.beats.payload)
        with m.Elif(axi.wready):
            m.d.sync += axi.wvalid.eq(0)
        with m.If(start):
            m.d.sync += [active.eq(1), final.eq(coming.beats == 1), more.eq(coming.beats - 1)]
