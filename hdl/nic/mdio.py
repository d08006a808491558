"""MDIC: reads and writes registers of the PHY (SDM 13.4.8; IEEE 802.3 22.2.4.5).

A frame is 64 bits: a preamble of ones, start, opcode, addresses of PHY and register, two bits in which the line turns
around, and the data. MDIO changes when MDC falls, and is looked at when MDC rises. MDC runs at 7.8 MHz with a clock of
125 MHz, as the M88E1000 family allows, and only during a frame. A device reset lets a frame come to its end, as the PHY
would take half of one for something else; until then MDIC.R is clear.
"""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.registers import RegisterPort, layout

#: Clocks in half a period of MDC.
HALF_PERIOD = 8

#: Bits of a frame.
FRAME_BITS = 64

_START = 0b01
_TURNAROUND = 0b10
_DATA_BITS = 16
_DRIVEN_IN_A_READ = FRAME_BITS - _DATA_BITS - 2  # bits before the PHY may drive the line
_ANSWER_BIT = _DRIVEN_IN_A_READ + 1  # the one that a PHY pulls low

#: MDIC.OP, and the opcode in a frame.
WRITE, READ = 1, 2


class Mdio(wiring.Component):
    """The management interface to the PHY.

    Attributes:
        mdic: the register.
        write_data: data of a write to it.
        reset: the register takes its reset value.
        done: pulse, an operation that was to interrupt is over.
        mdc: pin, registered.
        mdio_o: what the NIC drives the line to, registered.
        mdio_oe: the NIC drives the line, registered.
        mdio_i: the line, asynchronous; high while nobody drives it.
    """

    mdic: In(RegisterPort())
    write_data: In(regmap.REGISTER_BITS)
    reset: In(1)
    done: Out(1)
    mdc: Out(1)
    mdio_o: Out(1)
    mdio_oe: Out(1)
    mdio_i: In(1)

    def elaborate(self, platform):
        m = Module()
        synchronizer = Signal(2)
        m.d.sync += synchronizer.eq(Cat(self.mdio_i, synchronizer[0]))
        line = synchronizer[1]

        stored = Signal(layout(regmap.MDIC), init={"R": regmap.MDIC.R.reset})
        written = Signal(layout(regmap.MDIC))
        reading, forgotten = Signal(), Signal()  # what the frame is; nobody waits for it any more
        ticks, bits = Signal(range(HALF_PERIOD)), Signal(range(FRAME_BITS))
        over = Signal()
        frame = Signal(FRAME_BITS)
        m.d.comb += [
            written.eq(self.write_data & regmap.MDIC.writable),
            self.mdic.value.eq(stored),
            over.eq(ticks.all()),
            self.mdio_o.eq(frame[-1]),
        ]
        m.d.sync += self.done.eq(0)

        with m.FSM() as fsm:
            with m.State("READY"), m.If(self.mdic.write):
                m.d.sync += [stored.eq(written), bits.eq(0), frame.eq(_frame(written)), reading.eq(written.OP == READ)]
                with m.If((written.OP == READ) | (written.OP == WRITE)):
                    m.d.sync += self.mdio_oe.eq(1)
                    m.next = "LOW"
                with m.Else():
                    m.d.sync += [stored.R.eq(1), stored.E.eq(1), self.done.eq(written.I)]
            with m.State("LOW"), m.If(over):
                m.d.sync += self.mdc.eq(1)
                with m.If(reading & ~forgotten & (bits == _ANSWER_BIT)):
                    m.d.sync += stored.E.eq(line)
                with m.If(reading & ~forgotten & (bits > _ANSWER_BIT)):
                    m.d.sync += stored.DATA.eq(Cat(line, stored.DATA))
                m.next = "HIGH"
            with m.State("HIGH"), m.If(over):
                m.d.sync += [self.mdc.eq(0), bits.eq(bits + 1), frame.eq(frame << 1)]
                m.next = "LOW"
                with m.If(reading & (bits == _DRIVEN_IN_A_READ - 1)):
                    m.d.sync += self.mdio_oe.eq(0)
                with m.If(bits == FRAME_BITS - 1):
                    m.d.sync += [self.mdio_oe.eq(0), stored.R.eq(1), self.done.eq(stored.I), forgotten.eq(0)]
                    m.next = "READY"
        with m.If(~fsm.ongoing("READY")):
            m.d.sync += ticks.eq(ticks + 1)  # rolls over
        with m.If(self.reset):
            ready = fsm.ongoing("READY")
            m.d.sync += [stored.eq(0), stored.R.eq(ready), forgotten.eq(~ready), self.done.eq(0)]
        return m


def _frame(mdic):
    """The frame for an operation, the first bit highest."""
    return Cat(
        mdic.DATA,
        Const(_TURNAROUND, 2),
        mdic.REGADD,
        mdic.PHYADD,
        mdic.OP,
        Const(_START, 2),
        ~Const(0, 32),
    )
