"""Padding of short frames with zeros to Ethernet's least length (IEEE 802.3, 4.2.8; SDM 13.4.33, TCTL.PSP).

A frame whose FCS software made is not padded: nobody could tell where its FCS is.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.tx_align import TxBeat

#: Least bytes of a frame without its FCS.
MIN_BYTES = 60


class TxPad(wiring.Component):
    """See the module's docstring. It is to be reset with the device.

    Parameters:
        data_width: bits of a beat.

    Attributes:
        enable: TCTL.PSP.
        beats: frames.
        padded: the same, a clock later or more.
    """

    def __init__(self, data_width: int):
        self._beat_bytes = data_width // 8
        super().__init__(
            {
                "enable": In(1),
                "beats": In(stream.Signature(TxBeat(data_width))),
                "padded": Out(stream.Signature(TxBeat(data_width))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        final = (MIN_BYTES - 1) // self._beat_bytes  # number of the beat in which the least length is reached
        final_bytes = MIN_BYTES - final * self._beat_bytes
        number = Signal(range(final + 2))  # of the coming beat in its frame; sticks behind `final`
        filling = Signal()  # the frame's own beats have gone
        beat, out = self.beats.payload, self.padded.payload
        free = ~self.padded.valid | self.padded.ready
        step = free & (self.beats.valid | filling)
        least = Mux(number == final, final_bytes, self._beat_bytes)  # bytes of this beat, if it is to be filled
        ends = filling | beat.last
        fill = Signal()
        m.d.comb += [
            self.beats.ready.eq(free & ~filling),
            fill.eq(filling | (beat.last & (number <= final) & self.enable & beat.frame.insert_fcs)),
        ]
        with m.If(free):
            m.d.sync += self.padded.valid.eq(self.beats.valid | filling)
        with m.If(step):
            more = fill & (number < final)
            m.d.sync += [
                out.data.eq(Mux(filling, 0, beat.data)),
                out.count.eq(Mux(fill & (filling | (beat.count < least)), least, beat.count)),
                out.last.eq(ends & ~more),
                filling.eq(more),
                number.eq(Mux(ends & ~more, 0, Mux(number > final, number, number + 1))),
            ]
            with m.If(~filling):
                m.d.sync += out.frame.eq(beat.frame)
        return m
