"""Appends the frame check sequence (IEEE 802.3, 3.2.9), unless the frame brings its own.

The CRC takes a whole beat per clock. It is linear, so what a beat adds to it is made of one sum per 64 bits of data, a
clock ahead. The last beat is taken with the zeros that fill it up, and these are then taken out again: a step back over
1, 2, 4, ... bytes per clock, as their number has that bit or not. Data goes along beside that.
"""

from functools import reduce
from operator import xor

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.tx_align import TxBeat

#: Bytes of the FCS.
FCS_BYTES = 4

_POLYNOMIAL = 0xEDB88320  # of IEEE 802.3, lowest power in the highest bit
_ONES = 0xFFFFFFFF
_RESIDUE = 0xDEBB20E3  # what the CRC comes to over a frame with its FCS
_WORD_BITS = 64


class TxFcs(wiring.Component):
    """See the module's docstring. It is to be reset with the device.

    Parameters:
        data_width: bits of a beat.

    Attributes:
        beats: frames; the last beat of a frame has zeros behind its bytes.
        checked: the same with their FCS.
        bad: with the last beat of ``checked``: the frame brought its own FCS, and that is wrong.
    """

    def __init__(self, data_width: int):
        self._data_width = data_width
        super().__init__(
            {
                "beats": In(stream.Signature(TxBeat(data_width))),
                "checked": Out(stream.Signature(TxBeat(data_width))),
                "bad": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes = self._data_width // 8
        backs = lanes.bit_length() - 1  # steps back: one for each bit of the number of zeros
        steps = [Signal(TxBeat(self._data_width), name=f"step{number}") for number in range(2 + backs)]
        valid = Signal(len(steps))
        advance = Signal()  # every step goes on
        m.d.comb += self.beats.ready.eq(advance)
        with m.If(advance):
            m.d.sync += valid.eq(Cat(self.beats.valid, valid))
            for number, step in enumerate(steps):
                before, there = (
                    (steps[number - 1], valid[number - 1]) if number else (self.beats.payload, self.beats.valid)
                )
                with m.If(there):
                    m.d.sync += step.eq(before)
        crc = self._calculate(m, advance, valid, steps)
        self._append(m, advance, valid[-1], steps[-1], ~crc)
        m.d.comb += self.bad.eq(~steps[-1].frame.insert_fcs & (crc != _RESIDUE))
        return m

    def _calculate(self, m, advance, valid, steps):
        """The CRC of the frame of which the last step has the last beat."""
        words = [self.beats.payload.data.word_select(n, _WORD_BITS) for n in range(self._data_width // _WORD_BITS)]
        sums = [Signal(32, name=f"sum{number}") for number in range(len(words))]
        with m.If(advance & self.beats.valid):
            for number, word in enumerate(words):
                behind = self._data_width - (number + 1) * _WORD_BITS
                m.d.sync += sums[number].eq(
                    _linear(word, lambda bits, behind=behind: _forward(0, bits, _WORD_BITS, behind))
                )

        crc = Signal(32)
        first = Signal(init=1)
        moved = _linear(crc, lambda state: _forward(state, 0, 0, self._data_width))
        with m.If(advance & valid[0]):
            begun = Mux(first, _forward(_ONES, 0, 0, self._data_width), moved)
            m.d.sync += [crc.eq(reduce(xor, sums, begun)), first.eq(steps[0].last)]

        for number in range(len(steps) - 2):
            before, step = steps[number + 1], Signal(32, name=f"back{number}")
            zeros = (self._data_width // 8 - before.count)[: len(steps) - 2]
            back = _linear(crc, lambda state, number=number: _backward(state, 8 << number))
            with m.If(advance & valid[number + 1] & before.last):
                m.d.sync += step.eq(Mux(zeros[number], back, crc))
            crc = step
        return crc

    def _append(self, m, advance, valid, beat, fcs):
        """The last step goes out, with the FCS behind its bytes; what does not fit takes a beat of its own."""
        lanes = self._data_width // 8
        out = self.checked.payload
        spilling = Signal()  # the beat has gone, and the rest of the FCS follows
        ends = beat.last & beat.frame.insert_fcs
        count = Signal(range(lanes + FCS_BYTES + 1))
        # Byte n of the FCS stands where (lane - count) modulo 4 is n, in this beat as in the next.
        turned = _rotate_bytes(fcs, beat.count[:2])
        here = [
            reduce(lambda a, b: a | b, (beat.count == lane - n for n in range(FCS_BYTES) if lane >= n))
            for lane in range(lanes)
        ]
        inserted = Cat(Mux(here[lane] & ends, turned.word_select(lane % 4, 8), 0) for lane in range(lanes))
        left_over = Cat(Mux(count > lanes + n, turned.word_select(n, 8), 0) for n in range(FCS_BYTES))
        spill = ends & (count > lanes)
        m.d.comb += [
            count.eq(beat.count + Mux(ends, FCS_BYTES, 0)),
            self.checked.valid.eq(valid),
            out.data.eq(Mux(spilling, left_over, beat.data | inserted)),
            out.count.eq(Mux(spilling, count - lanes, Mux(spill, lanes, count))),
            out.last.eq(beat.last & (spilling | ~spill)),
            out.frame.eq(beat.frame),
            advance.eq(~valid | (self.checked.ready & (spilling | ~spill))),
        ]
        with m.If(valid & self.checked.ready):
            m.d.sync += spilling.eq(spill & ~spilling)


def _forward(state: int, bits: int, width: int, zeros: int) -> int:
    """The CRC register after ``width`` bits of data, lowest first, and so many zeros."""
    for number in range(width + zeros):
        state ^= bits >> number & 1 if number < width else 0
        state = state >> 1 ^ (_POLYNOMIAL if state & 1 else 0)
    return state


def _backward(state: int, zeros: int) -> int:
    """The CRC register before so many zeros."""
    for _ in range(zeros):
        state = (state ^ _POLYNOMIAL) << 1 | 1 if state >> 31 else state << 1
    return state


def _linear(value, function):
    """A linear function of the bits of a signal, given for integers: what each bit adds to its 32, summed up."""
    terms = [Mux(value[bit], Const(function(1 << bit), 32), 0) for bit in range(len(value))]
    while len(terms) > 1:  # a tree over whole words: logic can share its sums, and a simulator has few to evaluate
        terms = [reduce(xor, terms[i : i + 2]) for i in range(0, len(terms), 2)]
    return terms[0]


def _rotate_bytes(word, amount):
    """Four bytes, each moved up by so many places, round the end."""
    once = Mux(amount[0], word.rotate_left(8), word)
    return Mux(amount[1], once.rotate_left(16), once)
