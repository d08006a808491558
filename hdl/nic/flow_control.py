"""Flow control: when the other end is to pause, by the level of the receive FIFO (SDM 13.4.7 to 13.4.12).

At FCRTH.RTH a pause frame with the time FCTTV.TTV is asked for; while the level stays above FCRTL.RTL it is asked for
again when half of that time is over, and at FCRTL.RTL one with time 0, if FCRTL.XONE is set.
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.registers import layout

#: Cycles of a pause quantum, 512 bit times at 1 Gb/s, at the NIC's 125 MHz.
QUANTUM = 64


class FlowControl(wiring.Component):
    """See the module's docstring.

    Attributes:
        level: what the receive FIFO holds, in units of 8 bytes, those of the thresholds.
        ctrl, fcrtl, fcrth, fcttv: the registers.
        pause: pause frames to be sent, each with its time in quanta.
    """

    level: In(13)
    ctrl: In(layout(regmap.CTRL))
    fcrtl: In(layout(regmap.FCRTL))
    fcrth: In(layout(regmap.FCRTH))
    fcttv: In(layout(regmap.FCTTV))
    pause: Out(stream.Signature(16))

    def elaborate(self, platform):
        m = Module()
        high, low = Signal(), Signal()
        asked = Signal()  # the other end is to pause
        xoff, xon = Signal(), Signal()
        again = self._refresh(m, asked, xoff)

        m.d.sync += [
            high.eq(self.ctrl.TFCE & (self.level >= self.fcrth.RTH) & (self.fcrth.RTH != 0)),
            low.eq(~self.ctrl.TFCE | (self.level <= self.fcrtl.RTL)),
        ]
        free = ~self.pause.valid
        m.d.comb += [
            xoff.eq(free & ~low & ((high & ~asked) | again)),
            xon.eq(free & asked & low),
        ]
        with m.If(self.pause.ready):
            m.d.sync += self.pause.valid.eq(0)
        with m.If(xoff):
            m.d.sync += [asked.eq(1), self.pause.valid.eq(1), self.pause.payload.eq(self.fcttv.TTV)]
        with m.If(xon):
            m.d.sync += [
                asked.eq(0),
                self.pause.valid.eq(self.fcrtl.XONE & self.ctrl.TFCE),
                self.pause.payload.eq(0),
            ]
        return m

    def _refresh(self, m, asked, xoff):
        """Whether half of the time is over that was asked for last."""
        quanta, cycles = Signal(15), Signal(range(QUANTUM))
        over = (quanta == 0) & (cycles == 0)
        with m.If(xoff):
            m.d.sync += quanta.eq(self.fcttv.TTV >> 1)
        with m.Elif(~asked):
            m.d.sync += [quanta.eq(0), cycles.eq(0)]
        with m.Elif(cycles != 0):
            m.d.sync += cycles.eq(cycles - 1)
        with m.Elif(quanta != 0):
            m.d.sync += [quanta.eq(quanta - 1), cycles.eq(QUANTUM - 1)]
        return asked & over & (self.fcttv.TTV[1:] != 0)
