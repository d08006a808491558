"""Takes the 802.1Q tag, bytes 12 to 15, out of a frame, and moves up what follows (SDM 9.1, 9.2)."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.rx_beat import TAG_BYTES, TYPE_AT, beat_layout


class RxVlanStrip(wiring.Component):
    """Each beat stays here for a clock. One from which bytes were taken waits for the next, whose first bytes it gets.

    Parameters:
        data_width: bits of a beat.

    Attributes:
        reset: the frames that are here now began while the receiver was off.
        valid, beat: a frame's beats, at most one per clock.
        strip: with the beat that has the tag.
        out_valid, out: the beats without it.
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
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes = len(self.beat.data) // 8
        tag_lane = TYPE_AT % lanes
        held = Signal(self._layout)
        holds = Signal()
        short = Signal()  # bytes were taken from the held beat, or from one before it
        beat = self.beat

        shifted = Signal(self._layout)  # the coming beat without the bytes that do not stay in its place
        used_up = Signal()  # nothing of it is left
        shifting = Signal()
        goes_on = short & ~held.last
        m.d.comb += [shifted.eq(beat), shifting.eq(self.strip | (goes_on & ~beat.first))]
        with m.If(self.strip):
            kept = Cat(beat.data[: 8 * tag_lane], beat.data[8 * (tag_lane + TAG_BYTES) :])
            m.d.comb += [shifted.data.eq(kept), shifted.bytes.eq(beat.bytes - TAG_BYTES)]
        with m.Elif(shifting):
            m.d.comb += [
                shifted.data.eq(beat.data[8 * TAG_BYTES :]),
                shifted.bytes.eq(beat.bytes - TAG_BYTES),
                used_up.eq(beat.last & (beat.bytes <= TAG_BYTES)),
            ]

        m.d.comb += [self.out.eq(held), self.out_valid.eq(holds & (~goes_on | self.valid))]
        with m.If(goes_on):
            from_next = Mux(used_up, beat.bytes, TAG_BYTES)
            m.d.comb += [
                self.out.data.eq(Cat(held.data[: 8 * (lanes - TAG_BYTES)], beat.data[: 8 * TAG_BYTES])),
                self.out.bytes.eq(lanes - TAG_BYTES + from_next),
                self.out.last.eq(used_up),
                self.out.info.eq(beat.info),
            ]
        with m.If(self.valid):
            m.d.sync += [holds.eq(~used_up), short.eq(shifting & ~used_up)]
            with m.If(~used_up):
                m.d.sync += held.eq(shifted)
        with m.Elif(self.out_valid):
            m.d.sync += [holds.eq(0), short.eq(0)]
        with m.If(self.reset):
            m.d.sync += held.info.enabled.eq(0)
            m.d.comb += self.out.info.enabled.eq(0)
        return m
