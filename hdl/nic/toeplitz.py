"""The Toeplitz hash of receive side scaling (82576, 7.1.1.7.3), a few 32-bit words of its input in each clock.

Each bit of the input that is set adds, modulo 2, the 32 bits of the key that begin at the bit's number. Bits are
counted from the first byte's highest one.
"""

from functools import reduce
from operator import xor

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

#: 32-bit words of the longest input: two IPv6 addresses and two ports.
INPUT_WORDS = 9

#: 32-bit words of the key that such an input uses.
KEY_WORDS = 10


class Toeplitz(wiring.Component):
    """Hashes one input after the other.

    Parameters:
        step_words: words hashed in each clock.

    Attributes:
        key: its words, the first one lowest; each with its first byte highest.
        inputs: words, the first one lowest, each with its first byte highest; an input that is shorter ends in zeros.
            One that is ``empty`` is zero.
        hashes: one for each.
    """

    def __init__(self, step_words: int):
        self._step_words = step_words
        super().__init__(
            {
                "key": In(data.ArrayLayout(32, KEY_WORDS)),
                "inputs": In(stream.Signature(data.StructLayout({"empty": 1, "words": 32 * INPUT_WORDS}))),
                "hashes": Out(stream.Signature(32)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        words = self._step_words
        steps = -(-INPUT_WORDS // words)
        left = Signal(32 * words * steps)  # of the input, what comes next lowest
        step = Signal(range(steps))
        busy = Signal()
        window = Signal(32 * (words + 1))  # of the key, the word of the first input word lowest
        key = Signal(32 * (words * steps + 1))
        m.d.comb += key.eq(self.key)
        with m.Switch(step):
            for number in range(steps):
                with m.Case(number):
                    m.d.comb += window.eq(key[32 * words * number :])

        part = [
            _hash(left.word_select(i, 32), window.word_select(i, 32), window.word_select(i + 1, 32))
            for i in range(words)
        ]
        m.d.comb += self.inputs.ready.eq(~busy & (~self.hashes.valid | self.hashes.ready))
        with m.If(self.hashes.ready):
            m.d.sync += self.hashes.valid.eq(0)
        with m.If(busy):
            last = step == steps - 1
            m.d.sync += [
                self.hashes.payload.eq(self.hashes.payload ^ reduce(xor, part)),
                left.eq(left >> (32 * words)),
                step.eq(Mux(last, 0, step + 1)),
                busy.eq(~last),
                self.hashes.valid.eq(last),
            ]
        with m.Elif(self.inputs.valid & self.inputs.ready):
            m.d.sync += [
                busy.eq(~self.inputs.payload.empty),
                self.hashes.valid.eq(self.inputs.payload.empty),
                left.eq(self.inputs.payload.words),
                self.hashes.payload.eq(0),
            ]
        return m


def _hash(word, key, next_key):
    """What one word of the input adds."""
    bits = Cat(next_key, key)
    return reduce(xor, (Mux(word[31 - i], bits[32 - i : 64 - i], 0) for i in range(32)))
