"""Link status: STATUS.LU and the cause LSC (SDM 13.4.2)."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class LinkStatus(wiring.Component):
    """Brings the PHY's link signal into the clock domain and reports its changes.

    Attributes:
        link_up: from the PHY, asynchronous.
        slu: CTRL.SLU.
        lu: STATUS.LU.
        changed: pulse when ``lu`` has changed.
    """

    link_up: In(1)
    slu: In(1)
    lu: Out(1)
    changed: Out(1)

    def elaborate(self, platform):
        m = Module()
        synchronizer = Signal(2)
        before = Signal()
        m.d.sync += [synchronizer.eq(Cat(self.link_up, synchronizer[0])), before.eq(self.lu)]
        m.d.comb += [self.lu.eq(synchronizer[1] & self.slu), self.changed.eq(self.lu ^ before)]
        return m
