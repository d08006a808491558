"""Reads a word of a microwire EEPROM with 64 words of 16 bits (the 93C46 family).

Select, a start bit, the opcode of a read, six bits of address; the EEPROM answers with a zero bit and the word, its
highest bit first. It takes a bit when SK rises, and shows the next one after SK has risen. SK runs at 3.9 MHz with a
clock of 125 MHz, as the fast parts of the family allow at 5 V.
"""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

#: Clocks in half a period of SK.
HALF_PERIOD = 16

#: Bits of a word's number.
ADDRESS_BITS = 6

#: Bits of a word.
WORD_BITS = 16

_START_AND_READ = Const(0b110, 3)
_COMMAND_BITS = len(_START_AND_READ) + ADDRESS_BITS

#: Periods of SK in which a word is read.
PERIODS = _COMMAND_BITS + WORD_BITS


class MicrowireReader(wiring.Component):
    """Before a read the EEPROM is not selected for half a period.

    Attributes:
        start: read a word; only while ``idle``.
        address: its number.
        idle: nothing is being read.
        done: pulse, ``word`` is there.
        word: what was read; holds until the next read.
        sk, cs, di: pins, registered.
        do: pin, brought into the clock domain.
    """

    start: In(1)
    address: In(ADDRESS_BITS)
    idle: Out(1)
    done: Out(1)
    word: Out(WORD_BITS)
    sk: Out(1)
    cs: Out(1)
    di: Out(1)
    do: In(1)

    def elaborate(self, platform):
        m = Module()
        ticks = Signal(range(HALF_PERIOD))
        over = Signal()
        periods = Signal(range(PERIODS))
        command = Signal(_COMMAND_BITS)
        m.d.comb += [over.eq(ticks.all()), self.di.eq(command[-1])]
        m.d.sync += self.done.eq(0)

        with m.FSM() as fsm:
            with m.State("IDLE"):
                m.d.comb += self.idle.eq(~self.done)
                with m.If(self.start):
                    m.d.sync += [command.eq(Cat(self.address, _START_AND_READ)), periods.eq(PERIODS - 1)]
                    m.next = "DESELECTED"
            with m.State("DESELECTED"), m.If(over):
                m.d.sync += self.cs.eq(1)
                m.next = "LOW"
            with m.State("LOW"), m.If(over):
                m.d.sync += self.sk.eq(1)
                m.next = "HIGH"
            with m.State("HIGH"), m.If(over):
                m.d.sync += [
                    self.sk.eq(0),
                    self.word.eq(Cat(self.do, self.word)),
                    command.eq(command << 1),
                    periods.eq(periods - 1),
                ]
                m.next = "LOW"
                with m.If(periods == 0):
                    m.d.sync += [self.cs.eq(0), self.done.eq(1)]
                    m.next = "IDLE"
        with m.If(~fsm.ongoing("IDLE")):
            m.d.sync += ticks.eq(ticks + 1)  # rolls over
        return m
