"""Several transmit queues on one transmit path: they take turns, a packet each (82576, 7.2.2: round robin).

A turn lasts to the end of a packet, with all its segments if it is segmented: there is one header memory. It includes a
context descriptor before the packet. A queue with nothing to send has no turn; one whose packet has begun keeps its
turn until the packet's other descriptors come, or the packet is dropped (hdl/nic/tx_queue.py).
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.tx_offload import TxSegment, TxSums
from hdl.nic.tx_piece import TxPiece


class TxQueuePort(wiring.Signature):
    """What a queue has for the transmit path.

    Members:
        pieces, segments, sums: as TxFrames tells them.
        holds: the packet goes on behind the last piece.
        ends: with a piece: the packet ends with it.
        whole, failed: pulse in the cycle before a piece: a packet that is segmented is over with it.
    """

    def __init__(self):
        super().__init__(
            {
                "pieces": Out(stream.Signature(TxPiece)),
                "segments": Out(stream.Signature(TxSegment)),
                "sums": Out(stream.Signature(TxSums)),
                "holds": Out(1),
                "ends": Out(1),
                "whole": Out(1),
                "failed": Out(1),
            }
        )


class TxTurns(wiring.Component):
    """See the module's docstring. It is to be reset with the device.

    Parameters:
        queues: how many there are.

    Attributes:
        sources: of the queues.
        pieces, segments, sums: for the transmit path.
        queue: with a piece: whose it is.
        segmented, segmentation_failed: pulse, a packet that is segmented is over, as TSCTC and TSCTFC count it; never
            two at once, as those of the queues may be.
    """

    def __init__(self, queues: int):
        self._queues = queues
        super().__init__(
            {
                "sources": In(TxQueuePort()).array(queues),
                "pieces": Out(stream.Signature(TxPiece)),
                "segments": Out(stream.Signature(TxSegment)),
                "sums": Out(stream.Signature(TxSums)),
                "queue": Out(range(queues)),
                "segmented": Out(1),
                "segmentation_failed": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        turn = self.queue
        here, holds, ends = Signal(), Signal(), Signal()  # of the queue whose turn it is
        told = Signal()  # what has been told of its packet has been taken, or is now
        served = Signal()
        stayed = Signal()  # a context has been served in this turn
        m.d.comb += [
            told.eq(Cat(~output.valid | output.ready for output in (self.segments, self.sums)).all()),
            self.pieces.valid.eq(here & (~ends | told)),
            served.eq(self.pieces.valid & self.pieces.ready),
        ]
        with m.Switch(turn):
            for number, source in enumerate(self.sources):
                with m.Case(number):
                    m.d.comb += [here.eq(source.pieces.valid), holds.eq(source.holds), ends.eq(source.ends)]
                    m.d.comb += source.pieces.ready.eq(self.pieces.ready & (~source.ends | told))
                    m.d.comb += self.pieces.payload.eq(source.pieces.payload)
                    for name in ("segments", "sums"):
                        mine, theirs = getattr(self, name), getattr(source, name)
                        m.d.comb += [
                            mine.valid.eq(theirs.valid),
                            mine.payload.eq(theirs.payload),
                            theirs.ready.eq(mine.ready),
                        ]

        over = Mux(here, served & (ends | (stayed & ~holds)), ~holds)
        with m.If(served):
            m.d.sync += stayed.eq(~holds & ~ends)
        with m.If(over):
            m.d.sync += [turn.eq(self._next(m, turn)), stayed.eq(0)]
        self._count(m, turn, served)
        return m

    def _next(self, m, turn):
        """The next queue that has something, or the same one."""
        chosen = Signal.like(turn)
        m.d.comb += chosen.eq(turn)
        with m.Switch(turn):
            for before in range(self._queues):
                with m.Case(before):
                    for distance in reversed(range(1, self._queues)):
                        number = (before + distance) % self._queues
                        with m.If(self.sources[number].pieces.valid):
                            m.d.comb += chosen.eq(number)
        return chosen

    def _count(self, m, turn, served):
        """What a queue's piece is the end of counts when that is served."""
        for count, name in ((self.segmented, "whole"), (self.segmentation_failed, "failed")):
            waiting = Signal(self._queues, name=f"{name}_waits")
            pulses = Cat(getattr(source, name) for source in self.sources)
            taken = Signal(self._queues, name=f"{name}_taken")
            m.d.comb += [taken.eq(Mux(served, 1 << turn, 0)), count.eq((waiting & taken).any())]
            with m.If(pulses.any() | (waiting & taken).any()):
                m.d.sync += waiting.eq((waiting & ~taken) | pulses)
