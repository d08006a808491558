"""Ones' complement sum of chosen bytes of a frame (RFC 1071), pipelined: a beat per clock, four addends per stage."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

#: Bits that the words of a frame of 2**17 bytes need.
_TOTAL_BITS = 32


def tree_stages(data_width: int) -> int:
    """Clocks that the words of a beat take until they are one sum."""
    words, stages = data_width // 16, 0
    while words > 1:
        words, stages = -(-words // 4), stages + 1
    return stages


def latency(data_width: int) -> int:
    """Clocks from a frame's last beat to its sum."""
    return tree_stages(data_width) + 3


class OnesSum(wiring.Component):
    """Sums big-endian words of 16 bits; a byte in an even lane is the high one.

    Parameters:
        data_width: bits of a beat.

    Attributes:
        valid, first, last: a beat of a frame.
        data: its bytes.
        chosen: by lane, whether a byte counts.
        addend: what else counts; taken ``latency - 2`` clocks after the last beat.
        total: the sum, from ``latency`` clocks after the last beat on, for one clock; zero only if all bytes are.
    """

    def __init__(self, data_width: int):
        self._data_width = data_width
        super().__init__(
            {
                "valid": In(1),
                "first": In(1),
                "last": In(1),
                "data": In(data_width),
                "chosen": In(data_width // 8),
                "addend": In(17),
                "total": Out(16),
            }
        )

    def elaborate(self, platform):
        m = Module()
        masked = [Mux(self.chosen[lane], self.data.word_select(lane, 8), 0) for lane in range(self._data_width // 8)]
        sums = [Cat(low, high) for high, low in zip(masked[::2], masked[1::2], strict=True)]
        valid, first, last = self.valid, self.first, self.last
        for stage in range(tree_stages(self._data_width)):
            sums = [self._add(m, f"stage{stage}_{at}", valid, sums[at : at + 4]) for at in range(0, len(sums), 4)]
            before = Cat(valid, first & valid, last & valid)
            flags = Signal(3, name=f"flags{stage}")
            m.d.sync += flags.eq(before)
            valid, first, last = flags
        (beat_sum,) = sums

        running = Signal(_TOTAL_BITS)
        complete, folding = Signal(), Signal()
        folded = Signal(18)
        result = Signal(17)
        with m.If(valid):
            m.d.sync += running.eq(beat_sum + Mux(first, 0, running))
        m.d.sync += [complete.eq(last), folding.eq(complete)]
        with m.If(complete):
            m.d.sync += folded.eq(running[:16] + running[16:] + self.addend)
        with m.If(folding):
            m.d.sync += result.eq(folded[:16] + folded[16:])
        m.d.comb += self.total.eq(result[:16] + result[16])
        return m

    @staticmethod
    def _add(m, name, valid, addends):
        """A register with the sum of up to four values."""
        total = Signal(len(addends[0]) + 2, name=name)
        with m.If(valid):
            m.d.sync += total.eq(sum(addends))
        return total
