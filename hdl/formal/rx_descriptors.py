"""Prefetch reads descriptors that the driver has handed over, each once, in the order of the ring, and no others.

So a buffer is used only if its descriptor lies before the tail: with hdl/formal/rx_writeback.py, the head never passes
the tail.
"""

from amaranth.hdl import Assert, Assume, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hdl.formal.proof import Proof, environment, hold
from hdl.nic.rx_descriptors import DESCRIPTOR_BYTES, RxDescriptors

#: The smallest ring; a beat is a descriptor.
DATA_WIDTH = 128
RING = 8
_PAGE = 4096


class RxDescriptorsProof(wiring.Component):
    """A driver that hands over seven descriptors at most, memory that serves a burst at a time, a taker of buffers."""

    hand_over: In(range(RING))
    ready: In(1)
    answer: In(1)
    mark: In(1)
    take: In(1)
    base: In(8)  # in descriptors, before a page's end

    def elaborate(self, platform):
        m = environment()
        hold(m, self.base)
        m.submodules.descriptors = block = RxDescriptors(DATA_WIDTH)
        begun = Signal()
        m.d.sync += begun.eq(1)
        m.d.comb += [
            block.ring.base.eq(self.base * DESCRIPTOR_BYTES),
            block.ring.size.eq(RING),
            block.run.eq(begun),
            block.buffers.ready.eq(self.take),
        ]
        taken = block.buffers.valid & block.buffers.ready
        with m.If(~begun):
            m.d.comb += [Assume(~self.answer), Assume(self.hand_over == 0), Assume(~self.take)]
        self._driver(m, block, taken)
        beat = self._memory(m, block)
        self._buffers(m, block, beat, taken)
        return m

    def _driver(self, m, block, taken):
        """The tail, and what may be read: descriptors from ``first`` on, ``unread`` of them."""
        axi = block.axi
        tail, first = Signal(range(RING)), Signal(range(RING))
        unread, owned = Signal(range(RING + 1)), Signal(range(RING + 1))
        count = Signal(9)
        accepted = axi.arvalid & axi.arready
        m.d.comb += [
            block.tail.eq(tail),
            count.eq(axi.arlen + 1),
            Assume(owned + self.hand_over < RING),
        ]
        m.d.sync += [
            tail.eq(tail + self.hand_over),
            owned.eq(owned + self.hand_over - taken),
            unread.eq(unread + self.hand_over - Mux(accepted, count, 0)),
        ]
        with m.If(accepted):
            m.d.sync += first.eq(first + count)
            m.d.comb += [
                Assert(count <= unread),
                Assert(axi.araddr == (self.base + first) * DESCRIPTOR_BYTES),
                Assert(first + count <= RING),
                Assert(axi.araddr[:12] + count * DESCRIPTOR_BYTES <= _PAGE),
            ]

    def _memory(self, m, block):
        """One burst at a time; returns the pulse of a beat. One beat at most is marked."""
        axi = block.axi
        left = Signal(9)
        marked = Signal()
        beat = Signal()
        m.d.comb += [
            axi.arready.eq(self.ready & (left == 0)),
            beat.eq(self.answer & (left != 0)),
            axi.rvalid.eq(beat),
            axi.rlast.eq(left == 1),
            axi.rdata.eq(self.mark),
            Assume(~(self.mark & marked)),
        ]
        with m.If(beat):
            m.d.sync += marked.eq(marked | self.mark)
        m.d.sync += left.eq(Mux(axi.arvalid & axi.arready, axi.arlen + 1, left - beat))
        waiting, address, length = Signal(), Signal(64), Signal(8)
        m.d.sync += [waiting.eq(axi.arvalid & ~axi.arready), address.eq(axi.araddr), length.eq(axi.arlen)]
        with m.If(waiting):
            m.d.comb += Assert(axi.arvalid & (axi.araddr == address) & (axi.arlen == length))
        return beat

    def _buffers(self, m, block, beat, taken):
        """Buffers come in the order of the ring, as many as were read, and the marked one in its place."""
        level, index = Signal(range(RING + 1)), Signal(range(RING))
        place = Signal(range(RING + 2))  # of the marked buffer: 1 for the next; 0 for none
        m.d.sync += [level.eq(level + beat - taken), index.eq(index + taken)]
        with m.If(beat & self.mark):
            m.d.sync += place.eq(level + 1 - taken)
        with m.Elif(taken & (place != 0)):
            m.d.sync += place.eq(place - 1)
        m.d.comb += Assert(block.buffers.valid == (level != 0))
        with m.If(block.buffers.valid):
            m.d.comb += [
                Assert(block.buffers.payload.index == index),
                Assert(block.buffers.payload.address == (place == 1)),
            ]


PROOF = Proof(
    name="rx_descriptors",
    claim="only descriptors before the tail are read, each once and in order, and become buffers in that order",
    design=RxDescriptorsProof,
    bounded=12,
)
