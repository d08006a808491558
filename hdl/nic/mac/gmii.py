"""GMII pins, with a register at each (IEEE 802.3, clause 35)."""

from amaranth.hdl import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, Signature

from hdl.nic.mac.octets import Octet


class Gmii(Signature):
    """The pins as the MAC sees them, but for the clocks."""

    def __init__(self):
        super().__init__(
            {"txd": Out(8), "tx_en": Out(1), "tx_er": Out(1), "rxd": In(8), "rx_dv": In(1), "rx_er": In(1)}
        )


class RxPins(data.Struct):
    """Receive pins, once sampled."""

    rxd: 8
    dv: 1
    er: 1


class GmiiRx(wiring.Component):
    """Samples the receive pins, which change just after a rising edge of RX_CLK."""

    rxd: In(8)
    rx_dv: In(1)
    rx_er: In(1)
    pins: Out(RxPins)

    def elaborate(self, platform):
        m = Module()
        m.d.sync += [self.pins.rxd.eq(self.rxd), self.pins.dv.eq(self.rx_dv), self.pins.er.eq(self.rx_er)]
        return m


class GmiiTx(wiring.Component):
    """Drives the transmit pins: an octet per clock while there is one.

    A bad octet goes out with TX_ER, so that the receiver at the other end rejects the frame (35.2.1.6).
    """

    octets: In(stream.Signature(Octet))
    txd: Out(8)
    tx_en: Out(1)
    tx_er: Out(1)

    def elaborate(self, platform):
        m = Module()
        octet = self.octets.payload
        m.d.comb += self.octets.ready.eq(1)
        m.d.sync += [self.tx_en.eq(self.octets.valid), self.tx_er.eq(self.octets.valid & octet.error)]
        with m.If(self.octets.valid):
            m.d.sync += self.txd.eq(octet.data)
        return m
