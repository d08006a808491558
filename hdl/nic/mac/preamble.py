"""Preamble and start frame delimiter: put before a frame, and taken off it (IEEE 802.3, 3.2.1, 3.2.2, 4.2.9)."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.mac.gmii import RxPins
from hdl.nic.mac.octets import Flow, Octet

PREAMBLE = 0x55
SFD = 0xD5

#: Octets of preamble before the SFD.
PREAMBLE_OCTETS = 7


class TxPreamble(wiring.Component):
    """Puts seven octets of preamble and the SFD before each frame."""

    i: In(stream.Signature(Octet))
    o: Out(stream.Signature(Octet))

    def elaborate(self, platform):
        m = Module()
        sent = Signal(range(PREAMBLE_OCTETS + 2))  # octets before the frame
        in_frame = sent == PREAMBLE_OCTETS + 1
        m.d.comb += [
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready & in_frame),
            self.o.payload.eq(self.i.payload),
        ]
        with m.If(~in_frame):
            m.d.comb += [
                self.o.payload.data.eq(Mux(sent == PREAMBLE_OCTETS, SFD, PREAMBLE)),
                self.o.payload.last.eq(0),
                self.o.payload.error.eq(0),
            ]
        with m.If(self.o.valid & self.o.ready):
            with m.If(~in_frame):
                m.d.sync += sent.eq(sent + 1)
            with m.Elif(self.i.payload.last):
                m.d.sync += sent.eq(0)
        return m


class RxPreamble(wiring.Component):
    """Finds the frame behind the SFD.

    A PHY may have shortened the preamble, down to nothing but the SFD (35.2.3.2.2), and whatever comes before an SFD is
    ignored, as the standard's receiver does (4.2.9).

    Attributes:
        pins: of the GMII.
        octets: the frame; bad if the PHY raised RX_ER anywhere in the carrier (35.2.1.5).
        no_frame: pulse, a carrier is over in which there was no frame.
        phy_error: pulse, a frame is over in which the PHY raised RX_ER.
    """

    pins: In(RxPins)
    octets: Out(Flow(Octet))
    no_frame: Out(1)
    phy_error: Out(1)

    def elaborate(self, platform):
        m = Module()
        in_frame = Signal()  # the SFD was seen
        held = Signal(8)  # the octet before this one: whether it is the last is not known before
        held_valid = Signal()
        carrier = Signal()
        error = Signal()
        m.d.comb += [
            self.octets.valid.eq(held_valid),
            self.octets.payload.data.eq(held),
            self.octets.payload.last.eq(~self.pins.dv),
            self.octets.payload.error.eq(error),
            self.no_frame.eq(carrier & ~self.pins.dv & ~held_valid),
            self.phy_error.eq(held_valid & ~self.pins.dv & error),
        ]
        m.d.sync += [
            carrier.eq(self.pins.dv),
            in_frame.eq(self.pins.dv & (in_frame | (self.pins.rxd == SFD))),
            held_valid.eq(self.pins.dv & in_frame),
            error.eq(self.pins.dv & (error | self.pins.er)),
        ]
        with m.If(self.pins.dv & in_frame):
            m.d.sync += held.eq(self.pins.rxd)
        return m
