"""The pair of timers that delays a cause: RDTR and RADV, TIDV and TADV (SDM 3.2.7.1, 3.4.3.1, 13.4.30, 13.4.44).

Every event starts the first timer anew; the second one is started by the first event that waits, and bounds the wait.
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

#: Clocks of 1.024 us, the unit of all these registers, at 125 MHz.
UNIT_CYCLES = 128

_BITS = 16


class DelayTimer(wiring.Component):
    """See the module's docstring. It is to be reset with the device.

    Attributes:
        delay: of the first timer, in units; 0 for no wait at all. A change holds from the next event on.
        absolute: of the second one; 0 for no bound.
        event: pulse, something happened that the cause is to tell of.
        flush: pulse, something that the cause is to tell of at once.
        fires: pulse, the cause.
    """

    delay: In(_BITS)
    absolute: In(_BITS)
    event: In(1)
    flush: In(1)
    fires: Out(1)

    def elaborate(self, platform):
        m = Module()
        waiting = Signal()
        bounded = Signal()
        left = Signal(range(2**_BITS * UNIT_CYCLES))  # clocks
        left_at_most = Signal.like(left)
        expires = waiting & ((left == 0) | (bounded & (left_at_most == 0)))
        m.d.comb += self.fires.eq(expires | self.flush | (self.event & (self.delay == 0)))
        with m.If(self.fires):
            m.d.sync += waiting.eq(0)
        with m.Elif(self.event):
            m.d.sync += [waiting.eq(1), left.eq(self.delay * UNIT_CYCLES - 1)]
            with m.If(~waiting):
                m.d.sync += [bounded.eq(self.absolute != 0), left_at_most.eq(self.absolute * UNIT_CYCLES - 1)]
        with m.Elif(waiting):
            m.d.sync += left.eq(left - 1)
        with m.If(waiting & bounded):
            m.d.sync += left_at_most.eq(left_at_most - 1)
        return m
