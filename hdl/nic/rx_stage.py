"""A register between two blocks of the receive path, which would be one long path otherwise."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.rx_beat import beat_layout


class RxStage(wiring.Component):
    """Each beat stays here for a clock.

    Parameters:
        data_width: bits of a beat.

    Attributes:
        reset: the frames that are here now began while the receiver was off.
        valid, beat: a frame's beats.
        strip: with a beat, for :class:`hdl.nic.rx_vlan_strip.RxVlanStrip`.
        out_valid, out, out_strip: the same a clock later.
    """

    def __init__(self, data_width: int):
        self._layout = beat_layout(data_width)
        super().__init__(
            {
                "reset": In(1),
                "valid": In(1),
                "beat": In(self._layout),
                "strip": In(1),
                "out_valid": Out(1),
                "out": Out(self._layout),
                "out_strip": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        held = Signal(self._layout)
        m.d.sync += [self.out_valid.eq(self.valid), self.out_strip.eq(self.strip)]
        with m.If(self.valid):
            m.d.sync += held.eq(self.beat)
        m.d.comb += self.out.eq(held)
        with m.If(self.reset):
            m.d.sync += held.info.enabled.eq(0)
            m.d.comb += self.out.info.enabled.eq(0)
        return m
