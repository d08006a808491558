"""Stream buffer: cuts the combinational paths of a stream in both directions, without a loss of throughput."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class StreamBuffer(wiring.Component):
    """Holds two items: one that is offered, and one that came when that was not taken.

    Parameters:
        shape: of an item.

    Attributes:
        i, o: the stream; an item comes out a clock later at the earliest.
    """

    def __init__(self, shape):
        self._shape = shape
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        spare = Signal(self._shape)
        has_spare = Signal()
        m.d.comb += self.i.ready.eq(~has_spare)
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += [self.o.valid.eq(self.i.valid | has_spare), has_spare.eq(0)]
            with m.If(has_spare):
                m.d.sync += self.o.payload.eq(spare)
            with m.Elif(self.i.valid):
                m.d.sync += self.o.payload.eq(self.i.payload)
        with m.Elif(self.i.valid & ~has_spare):
            m.d.sync += [spare.eq(self.i.payload), has_spare.eq(1)]
        return m
