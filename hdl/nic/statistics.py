"""Statistics of reception (SDM 13.7): what a frame counts in, and the counters.

A counter sticks at its maximum. A read clears it; what is counted in the very cycle of the read is kept.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hdl.nic import regmap
from hdl.nic.registers import RegisterPort, port_name
from hdl.nic.rx_ingress import RxSummary
from hdl.nic.verdict import RxVerdict

#: Counters of one register.
COUNTERS = tuple(
    register
    for register in regmap.RTL_REGISTERS
    if register.access is regmap.Access.READ_CLEARS and not register.__name__.endswith("H")
)

#: Counters of 64 bits: the register of the low half, and that of the high half, which clears both.
WIDE_COUNTERS = ((regmap.GORCL, regmap.GORCH), (regmap.TORL, regmap.TORH))

#: Good frames by length: a register, and the most bytes that it counts.
LENGTH_CLASSES = (
    (regmap.PRC64, 64),
    (regmap.PRC127, 127),
    (regmap.PRC255, 255),
    (regmap.PRC511, 511),
    (regmap.PRC1023, 1023),
    (regmap.PRC1522, None),
)


class Statistics(wiring.Component):
    """One port per register, named as the register in lower case.

    Attributes:
        summary_valid, summary: of a frame that is over.
    """

    def __init__(self):
        registers = *COUNTERS, *(register for pair in WIDE_COUNTERS for register in pair)
        super().__init__(
            {
                "summary_valid": In(1),
                "summary": In(RxSummary),
                **{port_name(register): In(RegisterPort()) for register in registers},
            }
        )

    def elaborate(self, platform):
        m = Module()
        counts = self._counts(m)
        for register in COUNTERS:
            self._counter(m, counts[register], (register,))
        for low, high in WIDE_COUNTERS:
            octets = Mux(counts[low], self.summary.length, 0)
            self._counter(m, octets, (low, high))
        return m

    def _counts(self, m) -> dict:
        """Which registers the frame counts in, as one-bit values."""
        frame = self.summary
        enabled = frame.verdict != RxVerdict.DISABLED
        passed = enabled & frame.passed
        wrong_length = frame.short | frame.long
        good = (frame.verdict == RxVerdict.KEPT) & ~frame.bad_fcs & ~wrong_length
        counts = {
            regmap.TPR: enabled,
            regmap.TORL: enabled,
            regmap.CRCERRS: passed & frame.bad_fcs & ~frame.short,
            regmap.RXERRC: 0,  # the stream does not tell a PHY error from a bad FCS
            regmap.RLEC: passed & wrong_length,
            regmap.RUC: passed & frame.short & ~frame.bad_fcs,
            regmap.RFC: passed & frame.short & frame.bad_fcs,
            regmap.ROC: passed & frame.long & ~frame.bad_fcs,
            regmap.RJC: passed & frame.long & frame.bad_fcs,
            regmap.MPC: frame.verdict == RxVerdict.MISSED,
            regmap.RNBC: frame.no_buffer,
            regmap.GPRC: good,
            regmap.GORCL: good,
            regmap.BPRC: good & frame.broadcast,
            regmap.MPRC: good & frame.multicast,
        }
        lower = 1
        for register, most in LENGTH_CLASSES:
            counts[register] = good & (frame.length >= lower) & ((frame.length <= most) if most else 1)
            lower = most + 1 if most else None
        return counts

    def _counter(self, m, increment, registers):
        """A counter across one or two registers, the lower half first; reading the last one clears it."""
        ports = [getattr(self, port_name(register)) for register in registers]
        counter = Signal(32 * len(ports), name=port_name(registers[0]))
        cleared = Mux(ports[-1].read, 0, counter)
        total = Signal(len(counter) + 1, name=f"{counter.name}_total")
        m.d.comb += total.eq(cleared + Mux(self.summary_valid, increment, 0))
        with m.If(self.summary_valid | ports[-1].read):
            m.d.sync += counter.eq(Mux(total[-1], ~0, total))
        for index, port in enumerate(ports):
            m.d.comb += port.value.eq(counter.word_select(index, 32))
