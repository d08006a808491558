"""Transmit underrun: a frame that does not come fast enough is ended as a bad one.

The line cannot wait. The NIC's side is several times as fast as the line, so this happens only if its clock is far too
slow.
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.mac.octets import Octet


class Underrun(wiring.Component):
    """Ends a frame with a bad octet where the next one is missing, and drops the rest of it."""

    i: In(stream.Signature(Octet))
    o: Out(stream.Signature(Octet))

    def elaborate(self, platform):
        m = Module()
        in_frame, dropping = Signal(), Signal()
        missing = in_frame & ~self.i.valid
        m.d.comb += [
            self.o.valid.eq((self.i.valid | missing) & ~dropping),
            self.o.payload.data.eq(self.i.payload.data),
            self.o.payload.last.eq(self.i.payload.last | missing),
            self.o.payload.error.eq(self.i.payload.error | missing),
            self.i.ready.eq(self.o.ready | dropping),
        ]
        with m.If(dropping):
            with m.If(self.i.valid & self.i.payload.last):
                m.d.sync += dropping.eq(0)
        with m.Elif(self.o.valid & self.o.ready):
            m.d.sync += [in_frame.eq(~self.o.payload.last), dropping.eq(missing)]
        return m
