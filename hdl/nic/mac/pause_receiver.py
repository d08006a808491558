"""Reception of pause frames (IEEE 802.3, 31.4, 31B.3; SDM 13.4.7 to 13.4.9, CTRL.RFCE).

Frames that pass by on their way to the NIC are watched; a pause frame goes on to the NIC as any other frame.
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.mac.octets import LANES, Beat

#: Opcode of PAUSE (31A.1).
PAUSE = 0x0001

#: Octets of the shortest frame, FCS included: a shorter one is no frame.
MIN_OCTETS = 64


class PauseReceiver(wiring.Component):
    """See the module's docstring.

    Attributes:
        valid, beat: a beat is passing.
        enable: CTRL.RFCE.
        address, station: destinations of pause frames: FCAH and FCAL, and the station's own, first byte on the wire in
            bits 7 to 0.
        type: FCT, the type of MAC control frames.
        xon, xoff: pulse, a pause frame has come that ends a pause, or asks for one.
        unknown: pulse, a MAC control frame with another opcode has come.
        quanta: for how long, in units of 512 bit times. If more come than are taken, the last counts.
    """

    valid: In(1)
    beat: In(Beat)
    enable: In(1)
    address: In(48)
    station: In(48)
    type: In(16)
    xon: Out(1)
    xoff: Out(1)
    unknown: Out(1)
    quanta: Out(stream.Signature(16))

    def elaborate(self, platform):
        m = Module()
        data = self.beat.data
        number = Signal(range(MIN_OCTETS // LANES + 1))  # of the beat, sticking at the maximum
        addressed, control, pauses = Signal(), Signal(), Signal()
        long = number >= MIN_OCTETS // LANES - 1  # with this beat, if that is a full one
        full = self.beat.keep.all() | (number == MIN_OCTETS // LANES)
        received = Signal()
        time = Signal(16)
        good = self.valid & self.beat.last & ~self.beat.error & long & full & addressed & control
        m.d.sync += [received.eq(self.enable & good & pauses), self.unknown.eq(self.enable & good & ~pauses)]
        with m.If(self.valid):
            m.d.sync += number.eq(Mux(self.beat.last, 0, Mux(number == MIN_OCTETS // LANES, number, number + 1)))
            with m.Switch(number):
                with m.Case(0):
                    m.d.sync += addressed.eq((data[:48] == self.address) | (data[:48] == self.station))
                with m.Case(1):
                    m.d.sync += [
                        control.eq(_big_endian(data[32:48]) == self.type),
                        pauses.eq(_big_endian(data[48:]) == PAUSE),
                    ]
                with m.Case(2):
                    m.d.sync += time.eq(_big_endian(data[:16]))
        m.d.comb += [self.xon.eq(received & (time == 0)), self.xoff.eq(received & (time != 0))]
        self._hand_on(m, received, time)
        return m

    def _hand_on(self, m, received, time):
        """Offer the time; what is offered holds, so what comes meanwhile waits."""
        waiting, waiting_time = Signal(), Signal(16)
        with m.If(~self.quanta.valid | self.quanta.ready):
            m.d.sync += [self.quanta.valid.eq(waiting), waiting.eq(0)]
            with m.If(waiting):
                m.d.sync += self.quanta.payload.eq(waiting_time)
        with m.If(received):
            m.d.sync += [waiting.eq(1), waiting_time.eq(time)]


def _big_endian(octets):
    """The number that octets are, the first of them in bits 7 to 0."""
    return Cat(*(octets.word_select(i, 8) for i in reversed(range(len(octets) // 8))))
