"""Frame check sequence: checked on reception, appended to the frames that the MAC makes itself (IEEE 802.3, 3.2.9).

Frames from the NIC carry theirs.
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc.catalog import CRC32_ETHERNET
from amaranth.lib.wiring import In, Out

from hdl.nic.mac.octets import Flow, Octet

FCS_OCTETS = 4


class FcsCheck(wiring.Component):
    """Marks a frame as bad at its last octet if its FCS is wrong; passes octets on one clock later."""

    i: In(Flow(Octet))
    o: Out(Flow(Octet))

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = CRC32_ETHERNET(8).create()
        octet, first = Signal(Octet), Signal(init=1)
        m.d.comb += [
            crc.data.eq(self.i.payload.data),
            crc.valid.eq(self.i.valid),
            crc.start.eq(self.i.valid & first),
            self.o.payload.eq(octet),
            self.o.payload.error.eq(octet.last & (octet.error | ~crc.match_detected)),
        ]
        m.d.sync += self.o.valid.eq(self.i.valid)
        with m.If(self.i.valid):
            m.d.sync += [octet.eq(self.i.payload), first.eq(self.i.payload.last)]
        return m


class FcsInsert(wiring.Component):
    """Appends the FCS to each frame."""

    i: In(stream.Signature(Octet))
    o: Out(stream.Signature(Octet))

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = CRC32_ETHERNET(8).create()
        fcs_left = Signal(range(FCS_OCTETS + 1))
        inserting = fcs_left != 0
        fcs = crc.crc.word_select((FCS_OCTETS - fcs_left)[:2], 8)
        passed = self.i.valid & self.i.ready
        first = Signal(init=1)
        m.d.comb += [
            crc.data.eq(self.i.payload.data),
            crc.valid.eq(passed),
            crc.start.eq(passed & first),
            self.i.ready.eq(self.o.ready & ~inserting),
            self.o.valid.eq(self.i.valid | inserting),
            self.o.payload.data.eq(self.i.payload.data),
        ]
        with m.If(inserting):
            m.d.comb += [self.o.payload.data.eq(fcs), self.o.payload.last.eq(fcs_left == 1)]
        with m.If(passed):
            m.d.sync += first.eq(self.i.payload.last)
            with m.If(self.i.payload.last):
                m.d.sync += fcs_left.eq(FCS_OCTETS)
        with m.Elif(inserting & self.o.ready):
            m.d.sync += fcs_left.eq(fcs_left - 1)
        return m
