"""Interrupt causes, mask and line: ICR, ICS, IMS, IMC, IAM and ITR (SDM 13.4.17 to 13.4.21).

A cause that arises while an earlier one is being cleared stays: setting beats clearing. Causes latch whether they are
masked or not, so unmasking one that is latched interrupts at once. With CTRL_EXT.IAME an access to ICR masks the causes
that IAM names, and software saves the write of IMC.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.interrupt_throttle import InterruptThrottle
from hdl.nic.registers import RegisterPort, layout

#: Clocks of 256 ns, the unit of ITR, at 125 MHz.
ITR_UNIT_CYCLES = 32


class Interrupts(wiring.Component):
    """Latches causes and drives the interrupt line.

    Attributes:
        causes: pulses of the hardware, at their places in ICR.
        icr, ics, ims, imc, itr, iam, ctrl_ext: the registers.
        write_data: data of a write to one of them.
        request: level, high while an enabled cause is latched.
        irq: level, the same as far as ITR does not hold it back.
    """

    causes: In(layout(regmap.ICR))
    icr: In(RegisterPort())
    ics: In(RegisterPort())
    ims: In(RegisterPort())
    imc: In(RegisterPort())
    itr: In(layout(regmap.ITR))
    iam: In(layout(regmap.IAM))
    ctrl_ext: In(layout(regmap.CTRL_EXT))
    write_data: In(32)
    request: Out(1)
    irq: Out(1)

    def elaborate(self, platform):
        m = Module()
        m.submodules.throttle = throttle = InterruptThrottle(regmap.ITR.INTERVAL.width, ITR_UNIT_CYCLES)
        latched = Signal(layout(regmap.ICR))
        mask = Signal(layout(regmap.ICR))
        written = self.write_data & regmap.ICR.writable

        cleared = Mux(self.icr.read, ~0, Mux(self.icr.write, written, 0))
        set_by_software = Mux(self.ics.write, written, 0)
        m.d.sync += latched.eq((latched.as_value() & ~cleared) | self.causes.as_value() | set_by_software)

        # A read of ICR and a write of IMS may fall into one cycle; the write then holds.
        automatic = Mux((self.icr.read | self.icr.write) & self.ctrl_ext.IAME, self.iam.as_value(), 0)
        disabled = automatic | Mux(self.imc.write, written, 0)
        m.d.sync += mask.eq((mask.as_value() & ~disabled) | Mux(self.ims.write, written, 0))

        m.d.comb += [
            self.icr.value.eq(latched),
            self.ics.value.eq(latched),
            self.ims.value.eq(mask),
            throttle.interval.eq(self.itr.INTERVAL),
            self.request.eq((latched.as_value() & mask.as_value()).any()),
            throttle.request.eq(self.request),
            self.irq.eq(throttle.irq),
        ]
        return m
