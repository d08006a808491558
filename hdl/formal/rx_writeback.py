"""A descriptor is written back exactly once, in the order of the ring, and after its buffer was acknowledged."""

from amaranth.hdl import Assert, Assume, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hdl.formal.proof import Proof, environment
from hdl.nic import rx_writeback
from hdl.nic.rx_descriptors import DESCRIPTOR_BYTES

#: Bursts and segments that the block keeps account of; four stand for any number.
rx_writeback.BURSTS = rx_writeback.SEGMENTS = _OPEN = 4

_BASE = 0x1000


class RxWriteBackProof(wiring.Component):
    """A writer that writes segments and descriptors, and memory that acknowledges bursts in their order."""

    begin: In(1)  # a segment begins
    mark: In(1)
    start: In(2)  # a burst starts: 1 and 2 of a segment, not the last and the last; 3 of a descriptor
    take: In(1)  # a descriptor goes to the writer
    answer: In(1)

    def elaborate(self, platform):
        m = environment()
        m.submodules.writeback = block = rx_writeback.RxWriteBack()
        begun = Signal()
        m.d.sync += begun.eq(1)
        begins = self.begin & block.segment_room & begun
        taken = block.writebacks.valid & block.writebacks.ready
        m.d.comb += [
            block.run.eq(begun),
            block.bases[0].eq(_BASE),
            block.segment_valid.eq(begins),
            block.writebacks.ready.eq(self.take),
        ]
        written = self._writer(m, block, begins, taken)
        self._order(m, block, begins, taken, written)
        return m

    def _writer(self, m, block, begins, taken):
        """Bursts start and are answered; returns the pulse that says a segment is in memory."""
        unwritten, descriptors = Signal(4), Signal(4)  # segments and descriptors whose (last) burst has not started
        last, of_descriptor = self.start == 2, self.start == 3
        starts = (self.start != 0) & block.burst_room
        m.d.comb += [
            block.started_valid.eq(starts),
            block.started.writeback.eq(of_descriptor),
            block.started.last.eq(last),
            Assume(~starts | Mux(of_descriptor, descriptors != 0, unwritten != 0)),
        ]
        m.d.sync += [
            unwritten.eq(unwritten + begins - (starts & last)),
            descriptors.eq(descriptors + taken - (starts & of_descriptor)),
        ]

        # What is under way, as memory sees it: two bits a burst, the oldest lowest.
        under_way, level, place = Signal(2 * _OPEN), Signal(range(_OPEN + 1)), Signal(range(_OPEN + 1))
        answered = self.answer & (level != 0)
        oldest = under_way[:2]
        left = Mux(answered, under_way >> 2, under_way)
        m.d.comb += [block.response.bvalid.eq(answered), place.eq(level - answered)]
        m.d.sync += [
            under_way.eq(left | Mux(starts, self.start << (place << 1), 0)),
            level.eq(place + starts),
        ]
        m.d.comb += [
            Assert(block.done == (answered & (oldest == 3))),
            Assert(block.idle == (level == 0)),
            Assert(block.burst_room == (level != _OPEN)),
        ]
        return answered & (oldest == 2)

    def _order(self, m, block, begins, taken, written):
        """Segments are numbered as they begin; one, any, is marked."""
        due, open_ = Signal(4), Signal(4)  # in memory without its descriptor being on its way; all that are open
        number, index = Signal(3), Signal(3)
        late = Signal()  # a descriptor is due, and has not been offered
        place, marked = Signal(4), Signal()  # of the marked segment among those that wait: 1 for the next
        m.d.comb += [
            block.segment.index.eq(number),
            block.segment.small.eq(self.mark),
            Assume(~(self.mark & marked)),
            Assert(~block.writebacks.valid | (due != 0)),
            Assert(block.writebacks.valid | ~late),
        ]
        m.d.sync += late.eq((due != 0) & ~block.writebacks.valid)
        m.d.sync += [due.eq(due + written - taken), open_.eq(open_ + begins - taken)]
        with m.If(begins):
            m.d.sync += [number.eq(number + 1), marked.eq(marked | self.mark)]
        with m.If(begins & self.mark):
            m.d.sync += place.eq(open_ + 1 - taken)
        with m.Elif(taken & (place != 0)):
            m.d.sync += place.eq(place - 1)
        with m.If(taken):
            m.d.sync += index.eq(index + 1)
        upper_half = rx_writeback.WRITEBACK_BYTES
        with m.If(block.writebacks.valid):
            m.d.comb += [
                Assert(block.writebacks.payload.address == _BASE + index * DESCRIPTOR_BYTES + upper_half),
                Assert(block.writebacks.payload.small == (place == 1)),
            ]


PROOF = Proof(
    name="rx_writeback",
    claim="a descriptor is written back once, in order, after its buffer is in memory, and reported when it is itself",
    design=RxWriteBackProof,
    bounded=12,
)
