"""Fetches the pieces of frames: cuts them into bursts, claims room in the FIFO for each, and marks what comes back.

A burst ends at every multiple of 4 KiB, or of 256 beats where that is less. It is asked for when the FIFO has room for
what it adds to the frame, so that data never waits on the bus. Pieces without data pass through the same queue, so that
everything comes out in the order in which it went in. So do pieces that are not fetched but have their bytes in the
header memory (TxSource.INSERT), for which room is claimed; what goes there (STORE) needs none.

A frame that is longer than the longest, and data that is answered with an error, are a fault: from there on frames of
its queue are dropped and none of the queue's descriptors is done, until the reset.
"""

from amaranth.hdl import Assert, Cat, Const, Module, Mux, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.axi import BOUNDARY, MAX_BEATS
from hdl.nic.dma_reads import DmaBeat, DmaRead
from hdl.nic.tx_piece import TxFrame, TxPiece, TxReport, TxSource

#: Longest frame without what the hardware adds to it (SDM 3.3.3).
MAX_FRAME_BYTES = 16288

#: Bursts, and pieces without data, that may be under way.
ENTRIES = 64


class TxBytes(data.StructLayout):
    """Bytes in ``lane`` to ``lane + count - 1`` of ``data``; the other members are as in :class:`TxPiece`.

    ``queue`` is the number of that which they are of; with one queue it has no bits.
    """

    def __init__(self, data_width: int, queues: int = 1):
        lanes = data_width // 8
        super().__init__(
            {
                "data": data_width,
                "lane": range(lanes),
                "count": range(lanes + 1),
                "source": TxSource,
                "end": 1,
                "frame": TxFrame,
                "done": 1,
                "report": TxReport,
                "queue": range(queues),
            }
        )


class TxReader(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of the DMA port.
        fifo_beats, fifo_frames: what the FIFO has room for.
        queues: transmit queues.

    Attributes:
        reset: forget everything; data under way is thrown away.
        pieces: what to fetch.
        queue: with ``pieces``: whose it is.
        requests: bursts to be read.
        beat_valid, beat, beat_ready: their data.
        bytes: what came back. A piece is ``done`` and a frame has its ``end`` once, with the last bytes; a frame
            without any bytes has no end.
        beat_left, frame_left: pulse, a beat or a frame has left the FIFO.
        idle: no read is under way.
        fault: pulse, by queue.
    """

    def __init__(self, data_width: int, fifo_beats: int, fifo_frames: int, queues: int = 1):
        self._queues = queues
        self._fifo_beats, self._fifo_frames = fifo_beats, fifo_frames
        self._beat_bytes = data_width // 8
        super().__init__(
            {
                "reset": In(1),
                "pieces": In(stream.Signature(TxPiece)),
                "queue": In(range(queues)),
                "requests": Out(stream.Signature(DmaRead)),
                "beat_valid": In(1),
                "beat": In(DmaBeat(data_width)),
                "beat_ready": Out(1),
                "bytes": Out(stream.Signature(TxBytes(data_width, queues))),
                "beat_left": In(1),
                "frame_left": In(1),
                "idle": Out(1),
                "fault": Out(queues),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lane = range(self._beat_bytes)
        self._entry = data.StructLayout(
            {
                "empty": 1,  # no data
                "too_long": 1,  # with its data the frame would be; so it has none
                "lane": lane,  # of the first byte
                "behind": lane,  # of the byte behind the last one; 0 if that is in the top lane
                "source": TxSource,
                "end": 1,
                "frame": TxFrame,
                "done": 1,
                "report": TxReport,
                "queue": range(self._queues),
            }
        )
        coming = Signal(
            data.StructLayout(
                {"request": DmaRead, "claim": range(BOUNDARY // self._beat_bytes + 2), "entry": self._entry}
            )
        )
        valid, take = Signal(), Signal()
        self._cut(m, coming, valid, take)
        room = self._answer(m, coming.entry, take)
        self._ask(m, coming, valid & room, take)
        return m

    def _cut(self, m, coming, valid, take):
        """Cuts pieces; ``coming`` is a register with the next burst, or with a piece without data."""
        beat_bytes = self._beat_bytes
        boundary = min(BOUNDARY, MAX_BEATS * beat_bytes)
        piece = Signal(TxPiece)  # address and length are of what is not cut yet
        queue = Signal.like(self.queue)
        active = Signal()
        partial = Signal(range(beat_bytes))  # bytes of the frame so far that do not fill a beat
        frame_bytes = Signal(range(MAX_FRAME_BYTES + 1))  # all of them
        to_boundary = Signal(range(boundary + 1))
        size = Signal(range(boundary + 1))  # bytes of the burst
        added = Signal(range(boundary + 1))  # to the frame
        rest = Signal(range(boundary + beat_bytes))  # and those of before
        last, too_long, end = Signal(), Signal(), Signal()
        fetched, stored = piece.source != TxSource.INSERT, piece.source == TxSource.STORE
        offset = piece.address % beat_bytes
        m.d.comb += [
            to_boundary.eq(boundary - piece.address % boundary),
            too_long.eq(~stored & (frame_bytes + piece.length > MAX_FRAME_BYTES)),
            last.eq(too_long | ~fetched | (piece.length <= to_boundary)),
            size.eq(Mux(too_long, 0, Mux(last, piece.length, to_boundary))),
            added.eq(Mux(stored, 0, size)),
            rest.eq(partial + added),
            end.eq(last & piece.end & ((frame_bytes != 0) | (added != 0))),
        ]
        free = ~valid | take
        with m.If(free):
            m.d.sync += valid.eq(active)
        with m.If(free & active):
            m.d.sync += [
                coming.request.address.eq(piece.address - offset),
                coming.request.beats.eq((offset + size + (beat_bytes - 1)) // beat_bytes),
                coming.claim.eq(rest // beat_bytes + (end & (rest % beat_bytes != 0))),
                coming.entry.empty.eq((size == 0) | ~fetched),
                coming.entry.too_long.eq(too_long),
                coming.entry.lane.eq(offset),
                coming.entry.behind.eq(offset + size),
                coming.entry.source.eq(piece.source),
                coming.entry.end.eq(end),
                coming.entry.frame.eq(piece.frame),
                coming.entry.done.eq(piece.done & last),
                coming.entry.report.eq(piece.report),
                coming.entry.queue.eq(queue),
                piece.address.eq(piece.address + size),
                piece.length.eq(piece.length - size),
                partial.eq(Mux(last & piece.end, 0, rest)),
                frame_bytes.eq(Mux(last & piece.end, 0, frame_bytes + added)),
            ]
        m.d.comb += self.pieces.ready.eq(~active | (free & last))
        with m.If(self.pieces.ready):
            m.d.sync += active.eq(self.pieces.valid)
        with m.If(self.pieces.ready & self.pieces.valid):
            m.d.sync += [piece.eq(self.pieces.payload), queue.eq(self.queue)]
        with m.If(self.reset):
            m.d.sync += [active.eq(0), valid.eq(0), partial.eq(0), frame_bytes.eq(0)]

    def _ask(self, m, coming, valid, take):
        """Asks for the coming burst once there is room for it everywhere."""
        entry = coming.entry
        beats = Signal(range(self._fifo_beats + 1), init=self._fifo_beats)  # that the FIFO still has room for
        frames = Signal(range(self._fifo_frames + 1), init=self._fifo_frames)
        room = Signal()
        m.d.comb += [
            room.eq((beats >= coming.claim) & (frames != 0)),
            take.eq(valid & room & (entry.empty | ~self.requests.valid | self.requests.ready) & ~self.reset),
        ]
        with m.If(take | self.beat_left):
            m.d.sync += beats.eq(beats - Mux(take, coming.claim, 0) + self.beat_left)
        ends = take & entry.end
        with m.If(ends ^ self.frame_left):
            m.d.sync += frames.eq(Mux(ends, frames - 1, frames + 1))
        with m.If(self.reset):
            m.d.sync += [beats.eq(self._fifo_beats), frames.eq(self._fifo_frames)]

        with m.If(take & ~entry.empty):
            m.d.sync += [self.requests.valid.eq(1), self.requests.payload.eq(coming.request)]
        with m.Elif(self.requests.ready):
            m.d.sync += self.requests.valid.eq(0)

    def _answer(self, m, coming, take):
        """What comes back: each beat with what its burst's entry says. Returns whether one more may be asked for."""
        m.submodules.entries = entries = memory.Memory(shape=self._entry, depth=ENTRIES, init=[])
        write_port, read_port = entries.write_port(), entries.read_port(domain="comb")
        write_pointer, read_pointer = Signal(range(ENTRIES)), Signal(range(ENTRIES))
        entry = read_port.data
        under_way = Signal(range(ENTRIES + 1))
        forgetting = Signal()  # it was asked for before a reset
        here = (under_way != 0) & (self.beat_valid | entry.empty)
        step = Signal()  # bytes, or an entry without, go on
        over = Signal()  # and the entry with them
        m.d.comb += [
            write_port.addr.eq(write_pointer),
            write_port.data.eq(coming),
            write_port.en.eq(take),
            read_port.addr.eq(read_pointer),
            self.bytes.valid.eq(here & ~forgetting),
            self.beat_ready.eq((self.bytes.ready | forgetting) & ~entry.empty),
            step.eq(here & (self.bytes.ready | forgetting)),
            over.eq(step & (entry.empty | self.beat.last)),
            self.idle.eq(under_way == 0),
        ]
        with m.If(take):
            m.d.sync += write_pointer.eq(write_pointer + 1)
        with m.If(over):
            m.d.sync += read_pointer.eq(read_pointer + 1)
        with m.If(take ^ over):
            m.d.sync += under_way.eq(Mux(take, under_way + 1, under_way - 1))
        m.d.sync += Assert(~self.beat_valid | (under_way != 0))
        with m.If(self.reset):
            m.d.sync += forgetting.eq(under_way != over)
        with m.Elif(under_way == 0):
            m.d.sync += forgetting.eq(0)
        self._mark(m, entry, step, over, forgetting)
        return (under_way != ENTRIES) & ~forgetting

    def _mark(self, m, entry, step, over, forgetting):
        """The bytes of a beat, and what comes with them."""
        first = Signal(init=1)  # the next beat is the first of its burst
        # By queue: those that have failed, and whose the entry is.
        failures = Signal(self._queues)
        whose = Cat(entry.queue == queue for queue in range(self._queues)) if self._queues > 1 else Const(1, 1)
        failed = (failures & whose).any()
        failing = entry.too_long | (~entry.empty & self.beat.error)
        out = self.bytes.payload
        behind = Signal(range(self._beat_bytes + 1))
        m.d.comb += [
            behind.eq(Mux(over & (entry.behind != 0), entry.behind, self._beat_bytes)),
            out.data.eq(self.beat.data),
            out.lane.eq(Mux(first, entry.lane, 0)),
            out.count.eq(Mux(entry.empty, 0, behind - out.lane)),
            out.source.eq(entry.source),
            out.end.eq(entry.end & over),
            out.frame.eq(entry.frame),
            out.done.eq(entry.done & over & ~failed & ~failing),
            out.report.eq(entry.report),
            out.queue.eq(entry.queue),
        ]
        with m.If(failed | failing):
            m.d.comb += out.frame.drop.eq(1)
        m.d.comb += self.fault.eq(Mux(step & failing & ~failed & ~forgetting, whose, 0))
        with m.If(step & ~entry.empty):
            m.d.sync += first.eq(self.beat.last)
        with m.If(self.reset):
            m.d.sync += failures.eq(0)
        with m.Elif(self.fault.any()):
            m.d.sync += failures.eq(failures | self.fault)
