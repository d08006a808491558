"""Interrupt throttling: the least time from one interrupt to the next (ITR, SDM 13.4.18).

The interval begins when the line rises. Until it is over the line may fall, but it does not rise again. A new interval
counts from the next interrupt on; only zero ends the one that runs. A vector of MSI-X is throttled in the same way
(EITR, 82576, 7.3.4): what rises is then a message.
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class InterruptThrottle(wiring.Component):
    """See the module's docstring.

    Parameters:
        interval_bits: width of ``interval``.
        unit_cycles: clocks of one unit of it.

    Attributes:
        interval: in units; 0 for none.
        request: level, an interrupt is wanted.
        again: a request that goes on after the line rose in this clock counts as a new one.
        irq: level, the interrupt; low while there is no request.
        fires: ``irq`` rises.
    """

    def __init__(self, interval_bits: int, unit_cycles: int):
        self._unit_cycles = unit_cycles
        super().__init__(
            {"interval": In(interval_bits), "request": In(1), "again": In(1), "irq": Out(1), "fires": Out(1)}
        )

    def elaborate(self, platform):
        m = Module()
        left = Signal(range(2 ** len(self.interval) * self._unit_cycles))  # clocks in which the line may not rise
        high = Signal()  # the line was in the clock before
        m.d.comb += [
            self.irq.eq(self.request & (high | (left == 0))),
            self.fires.eq(self.irq & ~high),
        ]
        m.d.sync += high.eq(self.irq & ~(self.fires & self.again))
        with m.If(self.interval == 0):
            m.d.sync += left.eq(0)
        with m.Elif(self.fires):
            m.d.sync += left.eq(self.interval * self._unit_cycles - 1)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        return m
