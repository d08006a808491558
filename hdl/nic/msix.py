"""The interrupts of a NIC with several queues: a vector, a message of its own, for each queue (82576, 7.3).

IVAR says which vector a queue's events raise, IVAR_MISC which one the causes in ICR that IMS enables. An event sets the
vector's bit in EICR, masked or not. A bit that is set and enabled in EIMS sends the vector's message, once, and no
sooner after the one before than EITR says. When it is sent, the bit clears itself if EIAC says so, and the vector masks
itself if EIAM says so and GPIE.EIAME is set. An event in the cycle of the message is one for the next.

All this is with GPIE.MULTIPLE_MSIX; without, there are no vectors, and all queues raise the interrupt line through ICR.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.interrupt_throttle import InterruptThrottle
from hdl.nic.registers import RegisterPort, layout

#: Clocks of 1 us, the unit of EITR, at 125 MHz.
EITR_UNIT_CYCLES = 125


class Msix(wiring.Component):
    """See the module's docstring.

    Parameters:
        queues: receive queues, and transmit queues. There is one vector more.

    Attributes:
        rx, tx: pulses by queue: a frame is in memory, or sent and reported.
        other: level, a cause is latched in ICR that IMS enables; its rise is the event.
        gpie, eics, eims, eimc, eiac, eiam, eicr, eitr, ivar, ivar_misc: the registers.
        write_data: data of a write to one of them.
        vectors: pulses by vector, a message is sent.
    """

    def __init__(self, queues: int):
        self._vectors = queues + 1
        super().__init__(
            {
                "rx": In(queues),
                "tx": In(queues),
                "other": In(1),
                "gpie": In(layout(regmap.GPIE)),
                "eics": In(RegisterPort()),
                "eims": In(RegisterPort()),
                "eimc": In(RegisterPort()),
                "eiac": In(layout(regmap.EIAC)),
                "eiam": In(layout(regmap.EIAM)),
                "eicr": In(RegisterPort()),
                "eitr": In(data.ArrayLayout(layout(regmap.EITR), regmap.EITR.count)),
                "ivar": In(data.ArrayLayout(layout(regmap.IVAR), regmap.IVAR.count)),
                "ivar_misc": In(layout(regmap.IVAR_MISC)),
                "write_data": In(32),
                "vectors": Out(queues + 1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        every = (1 << self._vectors) - 1
        latched, mask = Signal(self._vectors), Signal(self._vectors)
        written = self.write_data & every
        fires = self.vectors

        cleared = Mux(self.eicr.read, every, Mux(self.eicr.write, written, 0))
        self_clearing = fires & self.eiac.VECTORS
        set_by_software = Mux(self.eics.write, written, 0)
        events = Signal(self._vectors)
        m.d.comb += events.eq(self._events(m))
        with m.If(self.gpie.MULTIPLE_MSIX):
            m.d.sync += latched.eq((latched & ~cleared & ~self_clearing) | events | set_by_software)
        with m.Else():
            m.d.sync += latched.eq(0)

        masked = Mux(self.eimc.write, written, 0) | Mux(self.gpie.EIAME, fires & self.eiam.VECTORS, 0)
        m.d.sync += mask.eq((mask & ~masked) | Mux(self.eims.write, written, 0))

        m.d.comb += [self.eicr.value.eq(latched), self.eims.value.eq(mask)]
        for vector in range(self._vectors):
            throttle = InterruptThrottle(regmap.EITR.INTERVAL.width, EITR_UNIT_CYCLES)
            m.submodules[f"throttle{vector}"] = throttle
            m.d.comb += [
                throttle.interval.eq(self.eitr[vector].INTERVAL),
                throttle.request.eq(latched[vector] & mask[vector]),
                throttle.again.eq(self.eiac.VECTORS[vector]),
                fires[vector].eq(throttle.fires),
            ]
        return m

    def _events(self, m):
        """The vectors whose events happen in this cycle, a bit for each."""
        before = Signal()
        m.d.sync += before.eq(self.other)
        events = Mux(self.other & ~before & self.ivar_misc.OTHER_VALID, 1 << self.ivar_misc.OTHER_VECTOR, 0)
        for queue in range(len(self.rx)):
            ivar = self.ivar[queue]
            events |= Mux(self.rx[queue] & ivar.RX_VALID, 1 << ivar.RX_VECTOR, 0)
            events |= Mux(self.tx[queue] & ivar.TX_VALID, 1 << ivar.TX_VECTOR, 0)
        return events[: self._vectors]
