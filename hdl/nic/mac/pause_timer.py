"""The time for which the other end has asked this one to send nothing (IEEE 802.3, 31B.2)."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

#: Octet times of a pause quantum: 512 bits.
QUANTUM = 64


class PauseTimer(wiring.Component):
    """Counts down; each pause frame sets it anew, and one with time 0 ends the pause.

    Attributes:
        quanta: from a pause frame.
        paused: no frame but pause frames may begin.
    """

    quanta: In(stream.Signature(16))
    paused: Out(1)

    def elaborate(self, platform):
        m = Module()
        left = Signal(16)  # quanta
        octets = Signal(range(QUANTUM))  # of the present one
        m.d.comb += self.quanta.ready.eq(1)
        with m.If(self.quanta.valid):
            m.d.sync += [left.eq(self.quanta.payload), octets.eq(0), self.paused.eq(self.quanta.payload != 0)]
        with m.Elif(octets != 0):
            m.d.sync += [octets.eq(octets - 1), self.paused.eq((left != 0) | (octets != 1))]
        with m.Elif(left != 0):
            m.d.sync += [left.eq(left - 1), octets.eq(QUANTUM - 1)]
        return m
