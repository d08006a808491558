"""Pause frames to be sent, without padding and FCS (IEEE 802.3, 31.4.1, 31B.1)."""

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.mac.octets import Octet
from hdl.nic.mac.pause_receiver import PAUSE


class PauseFrame(data.Struct):
    """What is in a pause frame; addresses have the first byte on the wire in bits 7 to 0."""

    destination: 48
    source: 48
    type: 16
    quanta: 16  # units of 512 bit times


class PauseSender(wiring.Component):
    """Sends a frame per request, which is taken with the frame's last octet."""

    frames: In(stream.Signature(PauseFrame))
    octets: Out(stream.Signature(Octet))

    def elaborate(self, platform):
        m = Module()
        frame = self.frames.payload
        octets = [
            *(frame.destination.word_select(i, 8) for i in range(6)),
            *(frame.source.word_select(i, 8) for i in range(6)),
            frame.type[8:],
            frame.type[:8],
            PAUSE >> 8,
            PAUSE & 0xFF,
            frame.quanta[8:],
            frame.quanta[:8],
        ]
        number = Signal(range(len(octets)))
        last = number == len(octets) - 1
        m.d.comb += [
            self.octets.valid.eq(self.frames.valid),
            self.octets.payload.data.eq(Array(octets)[number]),
            self.octets.payload.last.eq(last),
            self.frames.ready.eq(self.octets.ready & last),
        ]
        with m.If(self.octets.valid & self.octets.ready):
            m.d.sync += number.eq(Mux(last, 0, number + 1))
        return m
