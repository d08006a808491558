"""Width conversion between the NIC's beats of eight octets and the line's single octets."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.mac.octets import LANES, Beat, Flow, Octet


class OctetsToBeats(wiring.Component):
    """Collects octets; a beat comes one clock after its last octet."""

    octets: In(Flow(Octet))
    beats: Out(Flow(Beat))

    def elaborate(self, platform):
        m = Module()
        octet, beat = self.octets.payload, self.beats.payload
        lane = Signal(range(LANES))
        m.d.sync += self.beats.valid.eq(self.octets.valid & (octet.last | (lane == LANES - 1)))
        with m.If(self.octets.valid):
            m.d.sync += [
                beat.data.word_select(lane, 8).eq(octet.data),
                beat.keep.eq(Mux(lane == 0, 1, beat.keep << 1 | 1)),
                beat.last.eq(octet.last),
                beat.error.eq(octet.error),
                lane.eq(Mux(octet.last, 0, lane + 1)),
            ]
        return m


class BeatsToOctets(wiring.Component):
    """Sends a beat's octets one after the other."""

    beats: In(stream.Signature(Beat))
    octets: Out(stream.Signature(Octet))

    def elaborate(self, platform):
        m = Module()
        octet, beat = self.octets.payload, self.beats.payload
        lane = Signal(range(LANES))
        top = Signal()  # no filled lane lies above
        m.d.comb += [
            top.eq(~(beat.keep >> 1).bit_select(lane, 1)),
            self.octets.valid.eq(self.beats.valid),
            octet.data.eq(beat.data.word_select(lane, 8)),
            octet.last.eq(beat.last & top),
            octet.error.eq(octet.last & beat.error),
            self.beats.ready.eq(self.octets.ready & top),
        ]
        with m.If(self.octets.valid & self.octets.ready):
            m.d.sync += lane.eq(Mux(top, 0, lane + 1))
        return m
