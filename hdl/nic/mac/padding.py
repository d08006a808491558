"""Padding: a frame that the MAC makes itself gets zeros up to the minimum (IEEE 802.3, 3.2.8, 4.2.3.3).

Frames from the NIC are padded there (TCTL.PSP), before their FCS is made.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.mac.octets import Octet

#: Octets of the shortest frame, without its FCS.
MIN_OCTETS = 60


class Padding(wiring.Component):
    """Extends frames, which have no FCS yet."""

    i: In(stream.Signature(Octet))
    o: Out(stream.Signature(Octet))

    def elaborate(self, platform):
        m = Module()
        missing = Signal(range(MIN_OCTETS), init=MIN_OCTETS - 1)  # octets behind this one, at least
        padding = Signal()
        enough = missing == 0
        m.d.comb += [
            self.o.valid.eq(self.i.valid | padding),
            self.o.payload.data.eq(Mux(padding, 0, self.i.payload.data)),
            self.o.payload.last.eq((self.i.payload.last | padding) & enough),
            self.i.ready.eq(self.o.ready & ~padding),
        ]
        with m.If(self.o.valid & self.o.ready):
            with m.If(self.o.payload.last):
                m.d.sync += [missing.eq(MIN_OCTETS - 1), padding.eq(0)]
            with m.Else():
                m.d.sync += [missing.eq(Mux(enough, 0, missing - 1)), padding.eq(padding | self.i.payload.last)]
        return m
