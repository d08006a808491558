"""Insertion of the 802.1Q tag that a descriptor asks for, behind both addresses (IEEE 802.1Q, 9.3; SDM 3.3.7.4).

A frame that ends before the tag's place has none inserted.
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.tx_align import TxBeat

#: Where a tag goes, and bytes of it.
_TAG_AT, _TAG_BYTES = 12, 4


class TxVlan(wiring.Component):
    """See the module's docstring. It is to be reset with the device.

    Parameters:
        data_width: bits of a beat.

    Attributes:
        enable: CTRL.VME.
        ethertype: VET.
        beats: frames.
        tagged: the same, a clock later or more.
    """

    def __init__(self, data_width: int):
        self._data_width = data_width
        super().__init__(
            {
                "enable": In(1),
                "ethertype": In(16),
                "beats": In(stream.Signature(TxBeat(data_width))),
                "tagged": Out(stream.Signature(TxBeat(data_width))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width, lanes = self._data_width, self._data_width // 8
        beat, out = self.beats.payload, self.tagged.payload
        tag_row, tag_lane = divmod(_TAG_AT, lanes)
        row = Signal(range(tag_row + 2))  # of the beat in its frame; sticks behind the tag
        carried = Signal(8 * _TAG_BYTES)  # the last bytes of the beat before, which the tag has moved up
        spilling = Signal()  # the frame's last beat has gone, and these bytes follow
        rest = Signal(range(_TAG_BYTES + 1))  # of which there are so many
        tagging = Signal()
        free = ~self.tagged.valid | self.tagged.ready
        take = self.beats.valid & self.beats.ready
        ethertype, special = self.ethertype, beat.frame.tag
        tag = Cat(ethertype[8:], ethertype[:8], special[8:], special[:8])

        asked = beat.frame.insert_tag & self.enable
        here = (row == tag_row) & asked & (beat.count >= tag_lane)
        moved = here | tagging
        below = 8 * tag_lane
        with_tag = Cat(beat.data[:below], tag, beat.data[below:])[:width]
        count = beat.count + Mux(moved, _TAG_BYTES, 0)
        spills = moved & (count > lanes)
        m.d.comb += self.beats.ready.eq(free & ~spilling)
        with m.If(free):
            m.d.sync += self.tagged.valid.eq(self.beats.valid | spilling)
        with m.If(free & spilling):
            m.d.sync += [out.data.eq(carried), out.count.eq(rest), out.last.eq(1), spilling.eq(0)]
        with m.If(take):
            m.d.sync += [
                out.data.eq(Mux(here, with_tag, Mux(tagging, Cat(carried, beat.data)[:width], beat.data))),
                out.count.eq(Mux(spills, lanes, count)),
                out.last.eq(beat.last & ~spills),
                out.frame.eq(beat.frame),
                carried.eq(beat.data[width - 8 * _TAG_BYTES :]),
                rest.eq(count - lanes),
                spilling.eq(beat.last & spills),
                tagging.eq(moved & ~beat.last),
                row.eq(Mux(beat.last, 0, Mux(row > tag_row, row, row + 1))),
            ]
        return m
