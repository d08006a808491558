"""Checksums of frames that are sent, summed up while the frames go into the FIFO (SDM 3.3.3.1, 3.5.8).

Beats go into the FIFO at once. The frame's entry follows when its sums are there, some clocks behind its last beat;
entries of frames without checksums take as long, so that their order stays.

A checksum that starts or goes outside the frame is left out.
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from hdl.nic.ones_sum import OnesSum, latency
from hdl.nic.tx_align import TxBeat
from hdl.nic.tx_offload import TxSum, TxSums
from hdl.nic.tx_piece import TxFrame

#: Bits of a place in a frame.
_PLACE_BITS = 16


class _Pending(data.Struct):
    """A frame that waits for its sums."""

    frame: TxFrame
    ip_swapped: 1  # it starts at an odd place, so that high and low bytes are exchanged
    transport_swapped: 1
    transport_bytes: 16
    never_zero: 1


class TxChecksum(wiring.Component):
    """See the module's docstring. It is to be reset with the device.

    Parameters:
        data_width: bits of a beat.

    Attributes:
        valid, beat: pulse, a beat of a frame.
        sums: one for each frame whose ``frame.sums`` is set; there by the frame's first beat.
        enter, frame: pulse, all that goes into the FIFO with a frame is known.
    """

    def __init__(self, data_width: int):
        self._data_width = data_width
        super().__init__(
            {
                "valid": In(1),
                "beat": In(TxBeat(data_width)),
                "sums": In(stream.Signature(TxSums)),
                "enter": Out(1),
                "frame": Out(TxFrame),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes = self._data_width // 8
        beat, sums = self.beat, self.sums.payload
        first = Signal(init=1)
        place = Signal(_PLACE_BITS)  # of the beat in its frame
        with m.If(self.valid):
            m.d.sync += [first.eq(beat.last), place.eq(Mux(beat.last, 0, place + lanes))]
        m.d.comb += self.sums.ready.eq(self.valid & beat.last & beat.frame.sums)

        # Which bytes count is found out in one clock, and summed up from the next on.
        counts = self.valid & beat.frame.sums
        delayed = Signal(data.StructLayout({"valid": 1, "first": 1, "last": 1, "data": self._data_width}))
        m.d.sync += delayed.valid.eq(counts)
        with m.If(counts):
            m.d.sync += [delayed.first.eq(first), delayed.last.eq(beat.last), delayed.data.eq(beat.data)]
        totals = []
        pending, here = self._wait(m, place)
        for name, described in (("ip", sums.ip), ("transport", sums.transport)):
            m.submodules[name] = unit = OnesSum(self._data_width)
            chosen = Signal(lanes, name=f"{name}_chosen")
            with m.If(counts):
                m.d.sync += chosen.eq(self._chosen(described, place))
            m.d.comb += [unit.valid.eq(delayed.valid), unit.first.eq(delayed.first), unit.last.eq(delayed.last)]
            m.d.comb += [unit.data.eq(delayed.data), unit.chosen.eq(chosen)]
            totals.append(unit)
        self._finish(m, pending, here, *totals)
        return m

    def _chosen(self, described: TxSum, place):
        """Which bytes of a beat count: of those behind the frame's end, which are zero, it does not matter."""
        lanes = self._data_width // 8
        lane_bits = (lanes - 1).bit_length()
        row = place[lane_bits:]
        start_row, start_lane = described.start[lane_bits:], described.start[:lane_bits]
        end_row, end_lane = described.end[lane_bits:], described.end[:lane_bits]
        begun, begins = row > start_row, row == start_row
        goes_on, ends = (row < end_row) | (described.end == 0), row == end_row
        return Cat(
            (begun | (begins & (start_lane <= lane))) & (goes_on | (ends & (end_lane >= lane))) for lane in range(lanes)
        )

    def _wait(self, m, place):
        """Frames whose sums are not there yet; returns the first of them, and whether its sums are there."""
        beat, sums = self.beat, self.sums.payload
        delay = latency(self._data_width) + 1
        ended = Signal(delay)
        m.submodules.pending = pending = SyncFIFO(width=_Pending.as_shape().size, depth=1 << delay.bit_length())
        entry, head = Signal(_Pending), Signal(_Pending)
        length = Signal(_PLACE_BITS + 1)
        m.d.comb += length.eq(place + beat.count)
        for inserted, described in ((entry.frame.ip, sums.ip), (entry.frame.transport, sums.transport)):
            inside = (described.start < length) & (described.offset + 1 < length)
            m.d.comb += [
                inserted.wanted.eq(beat.frame.sums & described.wanted & inside),
                inserted.offset.eq(described.offset),
            ]
        copied = ("insert_fcs", "drop", "sums", "insert_tag", "tag")
        m.d.comb += [
            *(getattr(entry.frame, name).eq(getattr(beat.frame, name)) for name in copied),
            entry.ip_swapped.eq(sums.ip.start[0]),
            entry.transport_swapped.eq(sums.transport.start[0]),
            entry.transport_bytes.eq(sums.transport_bytes),
            entry.never_zero.eq(sums.never_zero),
            pending.w_data.eq(entry),
            pending.w_en.eq(self.valid & beat.last),
            head.eq(pending.r_data),
            pending.r_en.eq(ended[-1]),
        ]
        m.d.sync += ended.eq(Cat(self.valid & beat.last, ended))
        return head, ended[-1]

    def _finish(self, m, pending, here, ip, transport):
        """The entry of the frame whose sums are there."""
        total, never_zero = Signal(17), Signal()  # of the transport sum
        value = Signal(16)
        m.d.comb += value.eq(~(total[:16] + total[16]))
        m.d.comb += self.frame.transport.value.eq(Mux(never_zero & (value == 0), 0xFFFF, value))
        m.d.sync += self.enter.eq(here)
        with m.If(here):
            copied = ("insert_fcs", "drop", "sums", "insert_tag", "tag")
            m.d.sync += [
                *(getattr(self.frame, name).eq(getattr(pending.frame, name)) for name in copied),
                *(
                    getattr(self.frame, name)[field].eq(getattr(pending.frame, name)[field])
                    for name in ("ip", "transport")
                    for field in ("wanted", "offset")
                ),
                self.frame.ip.value.eq(~_swap(ip.total, pending.ip_swapped)),
                total.eq(_swap(transport.total, pending.transport_swapped) + pending.transport_bytes),
                never_zero.eq(pending.never_zero),
            ]


def _swap(total, swapped):
    """The sum with its bytes exchanged if it was made of words at odd places."""
    return Mux(swapped, total.rotate_left(8), total)
