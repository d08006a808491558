"""Moderation delays an interrupt by its interval at most, and keeps interrupts at least that far apart."""

from amaranth.hdl import Assert, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hdl.formal.proof import Proof, environment, hold
from hdl.nic.interrupt_throttle import InterruptThrottle

INTERVAL_BITS = 2
UNIT_CYCLES = 2
LONGEST = (2**INTERVAL_BITS - 1) * UNIT_CYCLES


class InterruptThrottleProof(wiring.Component):
    """With a constant interval; a small one stands for all."""

    interval: In(INTERVAL_BITS)
    request: In(1)

    def elaborate(self, platform):
        m = environment()
        hold(m, self.interval)
        m.submodules.throttle = throttle = InterruptThrottle(INTERVAL_BITS, UNIT_CYCLES)
        m.d.comb += [throttle.interval.eq(self.interval), throttle.request.eq(self.request)]

        cycles = Signal(INTERVAL_BITS + 2)
        m.d.comb += cycles.eq(self.interval * UNIT_CYCLES)
        waited, since = Signal(range(LONGEST + 2)), Signal(range(LONGEST + 2), init=LONGEST + 1)
        before = Signal()
        rises = throttle.irq & ~before
        m.d.sync += before.eq(throttle.irq)
        with m.If(rises):
            m.d.sync += since.eq(1)
        with m.Elif(since != LONGEST + 1):
            m.d.sync += since.eq(since + 1)
        with m.If(~self.request | throttle.irq):
            m.d.sync += waited.eq(0)
        with m.Elif(waited != LONGEST + 1):
            m.d.sync += waited.eq(waited + 1)
        with m.If(self.request & ~throttle.irq):
            m.d.comb += Assert(waited < cycles)
        with m.If(rises):
            m.d.comb += Assert(since >= cycles)
        with m.If(~self.request):
            m.d.comb += Assert(~throttle.irq)
        m.d.comb += Assert(since != 0)  # induction needs to know that
        return m


PROOF = Proof(
    name="interrupt_throttle",
    claim="an interrupt waits for its interval at most, and two are never closer than that",
    design=InterruptThrottleProof,
    bounded=30,
    induction=16,
)
