"""Inter-packet gap: how long the line is quiet between two frames (IEEE 802.3, 4.2.3.2.1; TIPG, SDM 13.4.34)."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.mac.octets import Octet

#: Bits of the longest gap's octets.
GAP_BITS = 11


class TxGap(wiring.Component):
    """Holds the next frame back until the gap is over.

    Attributes:
        octets: how long it is.
    """

    octets: In(GAP_BITS)
    i: In(stream.Signature(Octet))
    o: Out(stream.Signature(Octet))

    def elaborate(self, platform):
        m = Module()
        left = Signal(GAP_BITS)  # octets of the gap
        over = left == 0
        m.d.comb += [
            self.o.payload.eq(self.i.payload),
            self.o.valid.eq(self.i.valid & over),
            self.i.ready.eq(self.o.ready & over),
        ]
        with m.If(~over):
            m.d.sync += left.eq(left - 1)
        with m.Elif(self.o.valid & self.o.ready & self.o.payload.last):
            m.d.sync += left.eq(self.octets)
        return m
