"""From the parts of packets to the pieces of frames: a packet that is segmented is cut into its frames (SDM 3.5).

The headers of such a packet are fetched once, into the header memory. For each segment they are inserted, and its
payload follows. A packet of another length than its context says is cut as far as it goes: what is too much is left
out, and a last segment that is not whole leaves as it is. Other packets are frames as they are.

Parts without data become pieces without data, so that everything stays in order.
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.tx_offload import TxSegment, TxSums
from hdl.nic.tx_packets import TxPart
from hdl.nic.tx_piece import TxFrame, TxPiece, TxSource


class _Rest(data.Struct):
    """What is left of a packet that is segmented."""

    opened: 1  # there has been a piece of the part: address and length are of its rest
    address: 64
    length: 20
    header: 8  # bytes of the headers that are still to come
    payload: 20  # bytes behind them that are still to come, says the context
    segment: 16  # bytes that the segment still gets
    any_segment: 1  # there has been one
    excess: 1  # there was more data than the context says
    frame: TxFrame  # of all segments


class TxSegments(wiring.Component):
    """See the module's docstring. It is to be reset with the device.

    Parameters:
        several: it is that of one of several queues, which take turns (hdl/nic/tx_turns.py).

    Attributes:
        abort: while no part is offered, end the frame that has begun, if one has, with a piece that drops it. Headers
            without a frame are ended by such a piece, too, so that they are not taken for a part of the next ones.
        parts: of packets.
        pieces: of frames.
        segments: one for each segment, before its first piece.
        sums: one for each frame with checksums, before the first piece that has bytes of it.
        between: no frame has begun.
        whole, failed: pulse, a packet has been segmented, and was as long as its context says, or not.
        holds: the packet goes on behind the last piece that was made; only if there are several queues.
        ends: with a piece: the packet ends with it; only if there are several queues.
    """

    def __init__(self, *, several: bool = False):
        self._several = several
        super().__init__(
            {
                "abort": In(1),
                "parts": In(stream.Signature(TxPart)),
                "pieces": Out(stream.Signature(TxPiece)),
                "segments": Out(stream.Signature(TxSegment)),
                "sums": Out(stream.Signature(TxSums)),
                "between": Out(1),
                "whole": Out(1),
                "failed": Out(1),
                **({"holds": Out(1), "ends": Out(1)} if several else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        part, piece = self.parts.payload, self.pieces.payload
        self._begun = begun = Signal()  # the last piece was not the end of its frame
        self._storing = storing = Signal()  # more headers are to come, or a piece that ends them
        self._told = told = Signal()  # the checksums of the frame that has begun have been passed on
        outputs = (self.pieces, self.segments, self.sums)
        free = Signal()  # the next piece may be made
        m.d.comb += [
            free.eq(Cat(~output.valid | output.ready for output in outputs).all()),
            self.between.eq(~begun & ~self.pieces.valid),
        ]
        for output in outputs:
            with m.If(output.ready):
                m.d.sync += output.valid.eq(0)

        segmented = part.belongs & part.packet.segmented
        now, kept, size, looked = self._look(m, self.parts.valid & segmented)
        with m.If(free & self.parts.valid):
            with m.If(segmented):
                with m.If(looked):
                    m.d.sync += looked.eq(0)
                    self._segment(m, now, kept, size)
            with m.Else():
                self._pass_on(m)
        with m.Elif(free & ~self.parts.valid & self.abort & (begun | storing)):
            self._make(m, self._piece(TxSource.MEMORY, end=1))
            m.d.sync += [piece.frame.drop.eq(1), piece.frame.sums.eq(told)]
            m.d.sync += [begun.eq(0), told.eq(0), storing.eq(0)]
        if self._several:
            with m.If(free & ~self.parts.valid & self.abort):
                m.d.sync += [self.holds.eq(0), self.ends.eq(1)]
        return m

    @staticmethod
    def _piece(source, **fields) -> dict:
        """The fields of a piece; those that are not given are zero, but for the report."""
        return {"address": 0, "length": 0, "source": source, "end": 0, "done": 0, "frame": 0} | fields

    def _make(self, m, fields: dict):
        """A piece, in the next cycle."""
        piece = self.pieces.payload
        m.d.sync += [self.pieces.valid.eq(1), piece.report.eq(self.parts.payload.report)]
        m.d.sync += [getattr(piece, name).eq(value) for name, value in fields.items()]

    def _pass_on(self, m):
        """A part that is a piece."""
        part, told = self.parts.payload, self._told
        sums = part.packet.sums
        wanted = part.belongs & (sums.ip.wanted | sums.transport.wanted)
        tells = wanted & ~told & (part.length != 0)
        frame = Signal(TxFrame)
        m.d.comb += [frame.eq(part.frame), frame.sums.eq(wanted), self.parts.ready.eq(1)]
        self._make(
            m,
            self._piece(TxSource.MEMORY, address=part.address, length=part.length, end=part.end, done=1, frame=frame),
        )
        with m.If(part.belongs):
            m.d.sync += [self._begun.eq(~part.end), told.eq((told | tells) & ~part.end)]
        with m.If(tells):
            m.d.sync += [self.sums.valid.eq(1), self.sums.payload.eq(sums)]
        if self._several:
            m.d.sync += [self.ends.eq(part.belongs & part.end), self.holds.eq(Mux(part.belongs, ~part.end, self.holds))]

    def _look(self, m, wanted):
        """The first of two clocks for a piece of a packet that is segmented: where the part stands, and the size."""
        part, packet = self.parts.payload, self.parts.payload.packet
        kept, coming, now = Signal(_Rest), Signal(_Rest), Signal(_Rest)
        limit, size = Signal(20), Signal(20)
        looked = Signal()
        m.d.comb += [coming.eq(kept), limit.eq(Mux(coming.header != 0, coming.header, coming.segment))]
        with m.If(~kept.opened):
            m.d.comb += [coming.address.eq(part.address), coming.length.eq(part.length)]
        with m.If(~kept.opened & part.begin):
            m.d.comb += [
                coming.header.eq(packet.header_bytes),
                coming.payload.eq(packet.payload_bytes),
                coming.any_segment.eq(0),
                coming.excess.eq(0),
                coming.frame.eq(part.frame),
                coming.frame.sums.eq(packet.sums.ip.wanted | packet.sums.transport.wanted),
            ]
        with m.If(wanted & ~looked):
            m.d.sync += [
                now.eq(coming),
                size.eq(Mux(coming.length < limit, coming.length, limit)),
                looked.eq(1),
            ]
        return now, kept, size, looked

    def _segment(self, m, now, kept, size):
        """The second clock: the piece."""
        part = self.parts.payload
        finish = Signal()  # the part is over
        m.d.comb += self.parts.ready.eq(finish)
        m.d.sync += [kept.eq(now), kept.opened.eq(~finish)]
        m.d.sync += self._storing.eq(now.header != 0)
        with m.If((now.length != 0) & (now.header != 0)):
            self._store(m, now, kept, size, finish)
        with m.Elif((now.length != 0) & self._begun):
            self._fill(m, now, kept, size, finish)
        with m.Elif((now.length != 0) & (now.payload != 0)):
            self._open(m, now, kept)
        with m.Else():
            self._close(m, now, kept, finish)
        if self._several:
            m.d.sync += [self.ends.eq(part.end & finish), self.holds.eq(~(part.end & finish))]

    def _store(self, m, now, kept, size, finish):
        """Headers. At the end of the packet another piece follows, so that they are told from those of the next one."""
        self._make(m, self._piece(TxSource.STORE, address=now.address, length=size, done=finish, frame=now.frame))
        m.d.comb += finish.eq((now.length == size) & ~self.parts.payload.end)
        m.d.sync += kept.header.eq(now.header - size)
        m.d.sync += [kept.address.eq(now.address + size), kept.length.eq(now.length - size)]

    def _open(self, m, now, kept):
        """A segment begins, with the headers."""
        packet, segment, sums = self.parts.payload.packet, self.segments.payload, self.sums.payload
        size = Signal(16)
        last = Signal()
        self._make(m, self._piece(TxSource.INSERT, length=packet.header_bytes, frame=now.frame))
        m.d.comb += [last.eq(now.payload <= packet.mss), size.eq(Mux(last, now.payload, packet.mss))]
        m.d.sync += [
            self._begun.eq(1),
            self._told.eq(now.frame.sums),
            kept.any_segment.eq(1),
            kept.segment.eq(size),
            self.segments.valid.eq(1),
            segment.first.eq(~now.any_segment),
            segment.last.eq(last),
            *(getattr(segment, name).eq(getattr(packet, name)) for name in ("ipv4", "tcp", "ip_at", "transport_at")),
            segment.header_bytes.eq(packet.header_bytes),
            segment.payload_bytes.eq(size),
            segment.mss.eq(packet.mss),
            self.sums.valid.eq(now.frame.sums),
            sums.eq(packet.sums),
            sums.transport_bytes.eq(size + packet.header_bytes - packet.transport_at),
        ]

    def _fill(self, m, now, kept, size, finish):
        """Payload of a segment."""
        ends = Signal()
        over = self.parts.payload.end & finish
        m.d.comb += [finish.eq(now.length == size), ends.eq((size == now.segment) | over)]
        self._make(
            m,
            self._piece(TxSource.MEMORY, address=now.address, length=size, end=ends, done=finish, frame=now.frame),
        )
        m.d.sync += [
            self._begun.eq(~ends),
            kept.segment.eq(now.segment - size),
            kept.payload.eq(now.payload - size),
            kept.address.eq(now.address + size),
            kept.length.eq(now.length - size),
        ]
        with m.If(ends):
            m.d.sync += self._told.eq(0)
        self._count(m, over, now.payload == size)

    def _close(self, m, now, kept, finish):
        """A part that has no data, or too much."""
        end, too_much = self.parts.payload.end, now.length != 0
        among_headers = (now.header != 0) & ~end
        m.d.comb += finish.eq(1)
        self._make(m, self._piece(_headers_or_not(among_headers), end=end, done=1, frame=now.frame))
        with m.If(end):
            m.d.sync += [self._begun.eq(0), self._told.eq(0), self._storing.eq(0)]
        m.d.sync += kept.excess.eq(now.excess | too_much)
        self._count(m, end, (now.payload == 0) & now.any_segment & ~now.excess & ~too_much)

    def _count(self, m, over, whole):
        """The packet is over, perhaps, and was as long as its context says, or not."""
        m.d.comb += [self.whole.eq(over & whole), self.failed.eq(over & ~whole)]


def _headers_or_not(among_headers):
    """The source of a piece without data. Among headers it must be of their kind: any other ends them."""
    return Mux(among_headers, TxSource.STORE, TxSource.MEMORY)
