"""Loopback: frames that were sent come back as received ones, and the wire is left out (RCTL.LBM, SDM 13.4.22).

The way changes between frames only. A frame that arrives from the wire meanwhile is heard by nobody; in its place a
beat goes on that says so, because each frame from the wire has a verdict.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.axi import AxiStream

#: Frames from the wire that may end while the longest frame comes back: 16 KiB of 8-byte beats, a frame in 10 clocks.
_MAX_UNHEARD = 255

#: Preamble and gap between two frames (IEEE 802.3, 4.2.7 and 4.4.2): the receive path is not made for less.
_BETWEEN_BYTES = 8 + 12


class Loopback(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of the streams.

    Attributes:
        enable: send frames back.
        sent: from the transmit path.
        bad_fcs: with the last beat of ``sent``: the FCS is wrong; between here and a wire the MAC would find that out.
        to_wire, from_wire: to and from the MAC; ``from_wire.tready`` is always high.
        received: to the receive path, whose ``tready`` is always high.
        looped: with ``received``: the frame comes from the transmit path.
        unheard: with ``received``: this one beat stands for a frame from the wire that was not listened to.
        active: frames are sent back now.
        turned: pulse, a frame was sent back.
    """

    def __init__(self, data_width: int):
        super().__init__(
            {
                "enable": In(1),
                "sent": In(AxiStream(data_width)),
                "bad_fcs": In(1),
                "to_wire": Out(AxiStream(data_width)),
                "from_wire": In(AxiStream(data_width)),
                "received": Out(AxiStream(data_width)),
                "looped": Out(1),
                "unheard": Out(1),
                "active": Out(1),
                "turned": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        sent, from_wire, received = self.sent, self.from_wire, self.received
        begun = Signal()  # a frame was offered, and its last beat was not taken yet
        pause = -(-_BETWEEN_BYTES // len(sent.tkeep))
        rest = Signal(range(pause + 1))  # clocks until the next may come back
        unheard = Signal(range(_MAX_UNHEARD + 1))  # frames for which the beat is still to go
        changes = self.active != self.enable
        hold = ~begun & (changes | rest.any() | unheard.any())
        taken = sent.tvalid & sent.tready
        ends = taken & sent.tlast
        m.d.comb += [
            *_carry(self.to_wire, sent),
            self.to_wire.tvalid.eq(sent.tvalid & ~hold & ~self.active),
            sent.tready.eq(~hold & (self.active | self.to_wire.tready)),
            from_wire.tready.eq(1),
            self.looped.eq(self.active & ~self.unheard),
            self.unheard.eq(self.active & ~begun & unheard.any()),
            self.turned.eq(self.active & ends & ~sent.tuser),
        ]
        with m.If(sent.tvalid & ~hold):
            m.d.sync += begun.eq(~ends)
        with m.If(self.active & ends):
            m.d.sync += rest.eq(pause)
        with m.Elif(rest.any()):
            m.d.sync += rest.eq(rest - 1)
        with m.If(self.unheard):
            m.d.comb += [received.tvalid.eq(1), received.tkeep.eq(1), received.tlast.eq(1)]
        with m.Elif(self.active):
            m.d.comb += [
                *_carry(received, sent),
                received.tuser.eq(sent.tuser | self.bad_fcs),
                received.tvalid.eq(taken),
            ]
        with m.Else():
            m.d.comb += [*_carry(received, from_wire), received.tvalid.eq(from_wire.tvalid)]

        within, still_within = Signal(), Signal()  # a frame from the wire
        still_unheard = Signal.like(unheard)
        m.d.comb += [
            still_within.eq(Mux(from_wire.tvalid, ~from_wire.tlast, within)),
            still_unheard.eq(unheard + (self.active & from_wire.tvalid & from_wire.tlast) - self.unheard),
        ]
        m.d.sync += [within.eq(still_within), unheard.eq(still_unheard)]
        with m.If(changes & (~begun | ends) & ~still_within & (still_unheard == 0)):
            m.d.sync += self.active.eq(self.enable)
        return m


def _carry(target, source) -> list:
    """Assignments of a beat, without its handshake."""
    return [getattr(target, name).eq(getattr(source, name)) for name in ("tdata", "tkeep", "tlast", "tuser")]
