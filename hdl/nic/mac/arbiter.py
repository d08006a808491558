"""Which frame goes next: a pause frame before one from the NIC, and during a pause only pause frames (802.3, 31B.3)."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.mac.octets import Octet


class Arbiter(wiring.Component):
    """Joins the two streams frame by frame.

    Attributes:
        frames: from the NIC.
        pauses: pause frames.
        paused: no frame from the NIC may begin; one that has begun goes on.
        o: to the line.
    """

    frames: In(stream.Signature(Octet))
    pauses: In(stream.Signature(Octet))
    paused: In(1)
    o: Out(stream.Signature(Octet))

    def elaborate(self, platform):
        m = Module()
        in_frame, in_pause = Signal(), Signal()
        frame_goes = in_frame | (~in_pause & ~self.pauses.valid & ~self.paused)
        m.d.comb += [
            self.o.payload.eq(Mux(frame_goes, self.frames.payload, self.pauses.payload)),
            self.o.valid.eq(Mux(frame_goes, self.frames.valid, self.pauses.valid)),
            self.frames.ready.eq(frame_goes & self.o.ready),
            self.pauses.ready.eq(~frame_goes & self.o.ready),
        ]
        # Once an octet is offered the choice stands, also before it is taken: the preamble may be on its way.
        with m.If(self.o.valid):
            over = self.o.ready & self.o.payload.last
            m.d.sync += [in_frame.eq(frame_goes & ~over), in_pause.eq(~frame_goes & ~over)]
        return m
