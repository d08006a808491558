"""Checksums into the frames that leave the FIFO, each over two bytes."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.tx_align import TxBeat

#: Offsets are below this.
_OFFSETS = 256


class TxInsert(wiring.Component):
    """See the module's docstring. It is to be reset with the device.

    Parameters:
        data_width: bits of a beat.

    Attributes:
        beats: frames.
        inserted: the same with their checksums, a clock later or more.
    """

    def __init__(self, data_width: int):
        self._data_width = data_width
        super().__init__(
            {
                "beats": In(stream.Signature(TxBeat(data_width))),
                "inserted": Out(stream.Signature(TxBeat(data_width))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes = self._data_width // 8
        beat, out = self.beats.payload, self.inserted.payload
        place = Signal(range(_OFFSETS + lanes + 1))  # of the beat in its frame; sticks behind all offsets
        m.d.comb += self.beats.ready.eq(~self.inserted.valid | self.inserted.ready)
        with m.If(self.beats.ready):
            m.d.sync += self.inserted.valid.eq(self.beats.valid)
        with m.If(self.beats.ready & self.beats.valid):
            m.d.sync += [out.eq(beat), out.data.eq(self._replaced(beat, place))]
            with m.If(beat.last):
                m.d.sync += place.eq(0)
            with m.Elif(place <= _OFFSETS):
                m.d.sync += place.eq(place + lanes)
        return m

    def _replaced(self, beat, place):
        """The data of a beat with what goes into it; the transport checksum goes over the IP checksum."""
        value = beat.data
        for item in (beat.frame.ip, beat.frame.transport):
            second = item.offset + 1
            bytes_of_it = ((item.offset, item.value[8:]), (second, item.value[:8]))
            value = Cat(
                self._byte(value.word_select(lane, 8), lane, place, item.wanted, bytes_of_it)
                for lane in range(self._data_width // 8)
            )
        return value

    def _byte(self, value, lane, place, wanted, bytes_of_it):
        lane_bits = (self._data_width // 8 - 1).bit_length()
        for at, byte in bytes_of_it:
            here = wanted & (at[lane_bits:] == place[lane_bits:]) & (at[:lane_bits] == lane)
            value = Mux(here, byte, value)
        return value
