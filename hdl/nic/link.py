"""Link status: STATUS and the cause LSC (SDM 13.4.2, 8.5)."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.registers import RegisterPort, constant, layout

_FULL_DUPLEX = regmap.STATUS.FD.reset
_GIGABIT = regmap.STATUS.SPEED.reset


class LinkStatus(wiring.Component):
    """Brings the PHY's link signal into the clock domain and reports its changes.

    The MAC works at 1000 Mb/s and full duplex only; what software forces is shown and changes nothing.

    Attributes:
        link_up: from the PHY, asynchronous.
        ctrl: the register.
        status: the register.
        lu: STATUS.LU.
        changed: pulse when it has changed.
    """

    link_up: In(1)
    ctrl: In(layout(regmap.CTRL))
    status: In(RegisterPort())
    lu: Out(1)
    changed: Out(1)

    def elaborate(self, platform):
        m = Module()
        synchronizer = Signal(2)
        before = Signal()
        m.d.sync += [synchronizer.eq(Cat(self.link_up, synchronizer[0])), before.eq(self.lu)]
        # A PHY that is being reset has no link; that its signal says so comes late through the synchronizer.
        m.d.comb += self.lu.eq(synchronizer[1] & self.ctrl.SLU & ~self.ctrl.PHY_RST)
        m.d.comb += self.changed.eq(self.lu ^ before)
        duplex = Mux(self.ctrl.FRCDPLX, self.ctrl.FD, _FULL_DUPLEX)
        speed = Mux(self.ctrl.FRCSPD, self.ctrl.SPEED, _GIGABIT)
        m.d.comb += self.status.value.eq(constant(regmap.STATUS, FD=duplex, LU=self.lu, SPEED=speed))
        return m
