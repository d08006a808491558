"""The receive FIFO hands out what was committed, in order, whole, and nothing of what was discarded.

One frame, any, is marked: its beats carry a one, all others a zero, and so does its description. The block does not
look at data, so what holds for the marked frame holds for each (Wolper's data independence).
"""

from amaranth.hdl import Assert, Assume, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hdl.formal.proof import Proof, environment
from hdl.nic.rx_fifo import RxFifo

#: A FIFO of four beats and two frames.
DATA_WIDTH = 256
BEATS = 4
_BEAT_BYTES = DATA_WIDTH // 8
_LEVEL_BITS = 4


class RxFifoProof(wiring.Component):
    """A writer and a reader that keep to the contract, and a book of where the marked frame is."""

    write: In(1)
    mark: In(1)
    commit: In(1)
    discard: In(1)
    take_beat: In(1)
    take_frame: In(1)
    drop: In(1)

    def elaborate(self, platform):
        m = environment()
        m.submodules.fifo = fifo = RxFifo(DATA_WIDTH, BEATS * _BEAT_BYTES)
        marked = Signal()  # the frame that is being written is the one
        size = Signal(_LEVEL_BITS)  # of the frame, if it is committed now
        m.d.comb += [
            fifo.write.eq(self.write & fifo.room),
            fifo.write_beat.eq(marked),
            fifo.commit.eq(self.commit & fifo.frame_room),
            fifo.discard.eq(self.discard),
            fifo.frame.length.eq(size * _BEAT_BYTES),
            fifo.frame.small.eq(marked),
            fifo.beats.ready.eq(self.take_beat),
            fifo.frames.ready.eq(self.take_frame),
            fifo.drop.eq(self.drop),
        ]
        chosen = self._writer(m, fifo, size, marked)
        self._reader(m, fifo, size, marked, chosen)
        return m

    def _writer(self, m, fifo, size, marked):
        """Beats on trial; returns whether the mark has been given for good."""
        trial = Signal(_LEVEL_BITS)
        held, chosen = Signal(), Signal()
        m.d.comb += [
            size.eq(trial + fifo.write),
            marked.eq(Mux(trial == 0, self.mark, held) & ~chosen),
            Assume(~(self.discard & self.commit)),
        ]
        m.d.sync += held.eq(marked)
        with m.If(fifo.commit):
            m.d.comb += Assume(size != 0)
            m.d.sync += chosen.eq(chosen | marked)
        with m.If(fifo.commit | self.discard):
            m.d.sync += trial.eq(0)
        with m.Elif(fifo.write):
            m.d.sync += trial.eq(trial + 1)
        return chosen

    def _reader(self, m, fifo, size, marked, chosen):
        """A reader that takes a frame's description and then its beats, or drops the rest of them."""
        beats, frames = Signal(_LEVEL_BITS), Signal(_LEVEL_BITS)  # committed, and not taken yet
        promised = Signal(_LEVEL_BITS)  # beats of the frames that were taken
        takes_beat = fifo.beats.valid & fifo.beats.ready
        takes_frame = fifo.frames.valid & fifo.frames.ready
        of_frame = fifo.frames.payload.length // _BEAT_BYTES
        gone = Mux(self.drop, promised, takes_beat)
        m.d.comb += [
            Assume(~self.take_beat | (promised != 0)),
            Assume(~(self.drop & (self.take_beat | self.take_frame))),
            Assert(~fifo.frames.valid | (frames != 0)),
            Assert(~takes_beat | (beats != 0)),
        ]
        m.d.sync += [
            beats.eq(beats + Mux(fifo.commit, size, 0) - gone),
            frames.eq(frames + fifo.commit - takes_frame),
            promised.eq(promised + Mux(takes_frame, of_frame, 0) - gone),
        ]

        # Where the marked frame is: behind so many beats and frames, and it has so many beats left.
        ahead, left, frames_ahead, length = (Signal(_LEVEL_BITS) for _ in range(4))
        with m.If(fifo.commit & marked):
            m.d.sync += [ahead.eq(beats - gone), left.eq(size), length.eq(size)]
            m.d.sync += frames_ahead.eq(frames - takes_frame + 1)
        with m.Else():
            m.d.sync += [
                ahead.eq(Mux(ahead >= gone, ahead - gone, 0)),
                left.eq(Mux(ahead >= gone, left, Mux(left + ahead >= gone, left + ahead - gone, 0))),
            ]
            with m.If(takes_frame & (frames_ahead != 0)):
                m.d.sync += frames_ahead.eq(frames_ahead - 1)
        with m.If(takes_beat):
            m.d.comb += Assert(fifo.beats.payload[0] == (chosen & (ahead == 0) & (left != 0)))
        with m.If(takes_frame):
            m.d.comb += Assert(fifo.frames.payload.small == (frames_ahead == 1))
            with m.If(frames_ahead == 1):
                m.d.comb += Assert(of_frame == length)


PROOF = Proof(
    name="rx_fifo",
    claim="beats and frames come out as they were committed, in order, and nothing of a discarded frame does",
    design=RxFifoProof,
    bounded=8,
)
