"""Takes the FCS, the last four bytes, off a frame (RCTL.SECRC, SDM 13.4.22). A frame no longer than that keeps it."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.rx_beat import FCS_BYTES, beat_layout


class RxFcsStrip(wiring.Component):
    """Each beat stays here for a clock. If the FCS is to go, it waits for the next, which may have nothing else.

    Parameters:
        data_width: bits of a beat.

    Attributes:
        reset: the frames that are here now began while the receiver was off.
        strip: take it off; what counts is the first beat's.
        valid, beat: a frame's beats, at most one per clock.
        out_valid, out: the beats without the FCS, and ``fcs_stripped`` in what is known of the frame.
    """

    def __init__(self, data_width: int):
        self._layout = beat_layout(data_width)
        super().__init__(
            {
                "reset": In(1),
                "strip": In(1),
                "valid": In(1),
                "beat": In(self._layout),
                "out_valid": Out(1),
                "out": Out(self._layout),
            }
        )

    def elaborate(self, platform):
        m = Module()
        beat = self.beat
        lanes = len(beat.data) // 8
        held = Signal(self._layout)
        holds, strip = Signal(), Signal()
        wait = strip & ~held.last
        only_fcs = beat.last & (beat.bytes <= FCS_BYTES) & ~beat.first

        m.d.comb += [self.out.eq(held), self.out_valid.eq(holds & (~wait | self.valid))]
        absorbed = Signal()
        with m.If(wait):
            m.d.comb += absorbed.eq(holds & only_fcs)
            with m.If(only_fcs):
                m.d.comb += [
                    self.out.last.eq(1),
                    self.out.bytes.eq(lanes - FCS_BYTES + beat.bytes),
                    self.out.info.eq(beat.info),
                    self.out.info.fcs_stripped.eq(1),
                ]
        with m.Elif(strip & (held.bytes > FCS_BYTES)):
            m.d.comb += [self.out.bytes.eq(held.bytes - FCS_BYTES), self.out.info.fcs_stripped.eq(1)]

        with m.If(self.valid):
            m.d.sync += holds.eq(~absorbed)
            with m.If(~absorbed):
                m.d.sync += [held.eq(beat), strip.eq(Mux(beat.first, self.strip, strip))]
        with m.Elif(self.out_valid):
            m.d.sync += holds.eq(0)
        with m.If(self.reset):
            m.d.sync += held.info.enabled.eq(0)
            m.d.comb += self.out.info.enabled.eq(0)
        return m
