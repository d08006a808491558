"""Interrupt causes and mask: ICR, ICS, IMS and IMC (SDM 13.4.17 to 13.4.21).

A cause that arises while an earlier one is being cleared stays: setting beats clearing. Causes latch whether they are
masked or not, so unmasking one that is latched interrupts at once.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.registers import RegisterPort, layout


class Interrupts(wiring.Component):
    """Latches causes and drives the interrupt line.

    Attributes:
        causes: pulses of the hardware, at their places in ICR.
        icr, ics, ims, imc: the registers.
        write_data: data of a write to one of them.
        irq: level, high while an enabled cause is latched.
    """

    causes: In(layout(regmap.ICR))
    icr: In(RegisterPort())
    ics: In(RegisterPort())
    ims: In(RegisterPort())
    imc: In(RegisterPort())
    write_data: In(32)
    irq: Out(1)

    def elaborate(self, platform):
        m = Module()
        latched = Signal(layout(regmap.ICR))
        mask = Signal(layout(regmap.ICR))
        written = self.write_data & regmap.ICR.writable

        cleared = Mux(self.icr.read, ~0, Mux(self.icr.write, written, 0))
        set_by_software = Mux(self.ics.write, written, 0)
        m.d.sync += latched.eq((latched.as_value() & ~cleared) | self.causes.as_value() | set_by_software)

        with m.If(self.ims.write):
            m.d.sync += mask.eq(mask.as_value() | written)
        with m.Elif(self.imc.write):
            m.d.sync += mask.eq(mask.as_value() & ~written)

        m.d.comb += [
            self.icr.value.eq(latched),
            self.ics.value.eq(latched),
            self.ims.value.eq(mask),
            self.irq.eq((latched.as_value() & mask.as_value()).any()),
        ]
        return m
