"""Receive overflow: what becomes of frames that find no room on their way to the NIC.

The line cannot wait. A frame whose first beat finds no room is dropped whole and counted. One that has begun is cut off
and ended with a bad beat as soon as there is room, so that the NIC counts it as a bad frame and it is never joined to
the next one.
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.mac.octets import Beat, Flow


class Overflow(wiring.Component):
    """See the module's docstring.

    Attributes:
        i: from the line.
        o: towards the NIC.
        dropped: pulse, a whole frame is dropped.
    """

    i: In(Flow(Beat))
    o: Out(stream.Signature(Beat))
    dropped: Out(1)

    def elaborate(self, platform):
        m = Module()
        first = Signal(init=1)
        dropping = Signal()  # the rest of the frame
        owed = Signal()  # the end of a frame that was cut off
        passed = self.o.ready & ~owed
        m.d.comb += [
            self.o.valid.eq(owed | (self.i.valid & ~dropping)),
            self.o.payload.eq(self.i.payload),
            self.dropped.eq(self.i.valid & first & ~passed),
        ]
        with m.If(owed):
            m.d.comb += [self.o.payload.keep.eq(1), self.o.payload.last.eq(1), self.o.payload.error.eq(1)]
        with m.If(self.o.ready):
            m.d.sync += owed.eq(0)
        with m.If(self.i.valid):
            m.d.sync += [first.eq(self.i.payload.last), dropping.eq((dropping | ~passed) & ~self.i.payload.last)]
            with m.If(~first & ~dropping & ~passed):
                m.d.sync += owed.eq(1)
        return m
