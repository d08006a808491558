"""Statistics (SDM 13.7): what a frame counts in, and the counters.

A counter sticks at its maximum. A read clears it; what is counted in the very cycle of the read is kept. Of a counter
of 64 bits software reads the low half first. That latches the high half; reading the high half clears what the two
reads have shown, and what was counted between them is kept.
"""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hdl.nic import regmap
from hdl.nic.mac_events import MacEvents
from hdl.nic.registers import RegisterPort, port_name
from hdl.nic.rx_ingress import RxSummary
from hdl.nic.tx_summary import TxSummary
from hdl.nic.verdict import RxVerdict

#: Shortest good frame in bytes, FCS included.
_MIN_FRAME = 64

#: Counters of one register.
COUNTERS = tuple(
    register
    for register in regmap.RTL_REGISTERS
    if register.access is regmap.Access.READ_CLEARS and not register.__name__.endswith("H")
)

#: Counters of 64 bits: the register of the low half, and that of the high half, which clears both.
WIDE_COUNTERS = (
    (regmap.GORCL, regmap.GORCH),
    (regmap.GOTCL, regmap.GOTCH),
    (regmap.TORL, regmap.TORH),
    (regmap.TOTL, regmap.TOTH),
)

#: Good frames by length: the register of those received, of those sent, and the most bytes that they count.
LENGTH_CLASSES = (
    (regmap.PRC64, regmap.PTC64, 64),
    (regmap.PRC127, regmap.PTC127, 127),
    (regmap.PRC255, regmap.PTC255, 255),
    (regmap.PRC511, regmap.PTC511, 511),
    (regmap.PRC1023, regmap.PTC1023, 1023),
    (regmap.PRC1522, regmap.PTC1522, None),
)


class Statistics(wiring.Component):
    """One port per register, named as the register in lower case. What happens is counted a cycle later.

    Attributes:
        summary_valid, summary: of a received frame that is over.
        sent_valid, sent: of a frame that has left.
        segmented: pulse, a packet has left in segments.
        segmentation_failed: pulse, a packet could not be cut into segments.
        mac_events: of the MAC.
    """

    def __init__(self):
        registers = *COUNTERS, *(register for pair in WIDE_COUNTERS for register in pair)
        super().__init__(
            {
                "summary_valid": In(1),
                "summary": In(RxSummary),
                "sent_valid": In(1),
                "sent": In(TxSummary),
                "segmented": In(1),
                "segmentation_failed": In(1),
                "mac_events": In(MacEvents),
                **{port_name(register): In(RegisterPort()) for register in registers},
            }
        )

    def elaborate(self, platform):
        m = Module()
        events, received = self._events(m), self._received(m)
        missed = _merge(m, received[regmap.MPC], events[regmap.MPC])
        counts = {**events, **received, regmap.MPC: missed, **self._sent(m)}
        for register in COUNTERS:
            self._counter(m, register, counts[register])
        for low, high in WIDE_COUNTERS:
            self._wide_counter(m, low, high, *counts[low])
        return m

    def _events(self, m) -> dict:
        """What counts in one register each."""
        segments = {regmap.TSCTC: self.segmented, regmap.TSCTFC: self.segmentation_failed}
        pulses = {**segments, **{getattr(regmap, name): self.mac_events[name] for name, _ in MacEvents.as_shape()}}
        return {register: _delayed(m, pulse, port_name(register)) for register, pulse in pulses.items()}

    def _received(self, m) -> dict:
        """Which registers a received frame counts in: one-bit values; and octets with their condition."""
        valid, frame = _taken(m, self.summary_valid, self.summary, "received")
        enabled = valid & (frame.verdict != RxVerdict.DISABLED)
        passed = enabled & frame.passed
        wrong_length = frame.short | frame.long
        good = valid & (frame.verdict == RxVerdict.KEPT) & ~frame.bad_fcs & ~wrong_length
        return {
            regmap.TPR: enabled,
            regmap.TORL: (enabled, frame.length),
            regmap.CRCERRS: passed & frame.bad_fcs & ~frame.short,
            regmap.RLEC: passed & wrong_length,
            regmap.RUC: passed & frame.short & ~frame.bad_fcs,
            regmap.RFC: passed & frame.short & frame.bad_fcs,
            regmap.ROC: passed & frame.long & ~frame.bad_fcs,
            regmap.RJC: passed & frame.long & frame.bad_fcs,
            regmap.MPC: valid & (frame.verdict == RxVerdict.MISSED),
            regmap.RNBC: valid & frame.no_buffer,
            regmap.GPRC: good,
            regmap.GORCL: (good, frame.length),
            regmap.BPRC: good & frame.broadcast,
            regmap.MPRC: good & frame.multicast,
            **_by_length(good, frame.length, [(receive, most) for receive, _, most in LENGTH_CLASSES]),
        }

    def _sent(self, m) -> dict:
        """The same of a sent frame."""
        valid, frame = _taken(m, self.sent_valid, self.sent, "sent")
        good = valid & (frame.length >= _MIN_FRAME)
        return {
            regmap.TPT: valid,
            regmap.TOTL: (valid, frame.length),
            regmap.GPTC: good,
            regmap.GOTCL: (good, frame.length),
            regmap.BPTC: valid & frame.broadcast,
            regmap.MPTC: valid & frame.multicast,
            **_by_length(good, frame.length, [(transmit, most) for _, transmit, most in LENGTH_CLASSES]),
        }

    def _counter(self, m, register, event):
        """A counter of one register."""
        port = getattr(self, port_name(register))
        counter = Signal(regmap.REGISTER_BITS, name=port_name(register))
        with m.If(port.read):
            m.d.sync += counter.eq(event)
        with m.Elif(event & ~counter.all()):
            m.d.sync += counter.eq(counter + 1)
        m.d.comb += port.value.eq(counter)

    def _wide_counter(self, m, low, high, event, octets):
        """A counter across two registers, and what it has counted since the low half was read."""
        low_port, high_port = getattr(self, port_name(low)), getattr(self, port_name(high))
        name = port_name(low)
        counter, since = Signal(64, name=name), Signal(64, name=f"{name}_since")
        latched, latched_high = Signal(name=f"{name}_latched"), Signal(32, name=f"{name}_latched_high")
        added = Mux(event, octets, 0)
        m.d.comb += [
            low_port.value.eq(counter[:32]),
            high_port.value.eq(Mux(latched, latched_high, counter[32:])),
        ]
        with m.If(event | high_port.read):
            m.d.sync += counter.eq(_sum(Mux(high_port.read, Mux(latched, since, 0), counter), added))
        with m.If(low_port.read):
            m.d.sync += [latched.eq(1), latched_high.eq(counter[32:]), since.eq(added)]
        with m.Else():
            with m.If(high_port.read):
                m.d.sync += latched.eq(0)
            with m.If(event & latched):
                m.d.sync += since.eq(_sum(since, added))


def _delayed(m, pulse, name):
    """The pulse, a cycle later."""
    delayed = Signal(name=f"{name}_event")
    m.d.sync += delayed.eq(pulse)
    return delayed


def _merge(m, often, seldom):
    """The pulses of both, one by one: of two at once, that which comes seldom waits."""
    waiting = Signal()
    m.d.sync += waiting.eq(often & (seldom | waiting))
    return often | seldom | waiting


def _taken(m, valid, summary, name):
    """The summary, a cycle later; it is held while there is no new one."""
    taken = Signal(summary.shape(), name=name)
    with m.If(valid):
        m.d.sync += taken.eq(summary)
    return _delayed(m, valid, name), taken


def _by_length(good, length, classes) -> dict:
    """In which register a good frame of this length counts; ``classes`` are registers and the most bytes of each."""
    counts, lower = {}, Const(1)
    for register, most in classes:
        upper = length <= most if most else Const(1)
        counts[register] = good & lower & upper
        lower = ~upper
    return counts


def _sum(value, added):
    """A sum of 64 bits that sticks at its maximum."""
    total = value + added
    return Mux(total[64:].any(), ~Const(0, 64), total[:64])
