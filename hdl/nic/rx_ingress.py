"""Receive ingress: judges each frame and hands it to the FIFO or not (SDM 3.2, 13.4.22).

A beat is registered first; the destination address is registered beside it, so that the filter's answer is there when
the first beat goes to the FIFO. The frame's verdict falls in the cycle in which its last beat does.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.axi import AxiStream
from hdl.nic.registers import layout
from hdl.nic.rx_fifo import RxFrame
from hdl.nic.verdict import RxVerdict

#: Shortest frame of Ethernet, FCS included (IEEE 802.3, 4A.4.2).
MIN_FRAME = 64

#: Longest frame without and with RCTL.LPE, FCS included (SDM 13.4.22).
MAX_FRAME = 1522
MAX_LONG_FRAME = 16384

#: Bytes of the FCS.
FCS_BYTES = 4


class RxSummary(data.Struct):
    """What is counted about a frame once it is over."""

    verdict: RxVerdict
    length: 17  # bytes, FCS included; sticks near the maximum
    passed: 1  # the address filter
    broadcast: 1
    multicast: 1
    bad_fcs: 1
    short: 1
    long: 1
    no_buffer: 1  # kept, but no descriptor was free


class RxIngress(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of the stream.

    Attributes:
        stream: from the MAC. Only the last beat of a frame may have empty lanes.
        reset: forget the frame that is arriving; what is left of it is ignored.
        rctl: the register.
        destination, passed, broadcast, multicast: of the address filter.
        write, write_beat, room, commit, commit_short, frame, frame_room, discard: of the FIFO.
        no_buffer: no descriptor is free.
        summary_valid, summary: pulse, one per frame.
    """

    def __init__(self, data_width: int):
        super().__init__(
            {
                "stream": In(AxiStream(data_width)),
                "reset": In(1),
                "rctl": In(layout(regmap.RCTL)),
                "destination": Out(48),
                "passed": In(1),
                "broadcast": In(1),
                "multicast": In(1),
                "write": Out(1),
                "write_beat": Out(data_width),
                "room": In(1),
                "commit": Out(1),
                "commit_short": Out(1),
                "frame": Out(RxFrame),
                "frame_room": In(1),
                "discard": Out(1),
                "no_buffer": In(1),
                "summary_valid": Out(1),
                "summary": Out(RxSummary),
            }
        )

    def elaborate(self, platform):
        m = Module()
        stream = self.stream
        lanes = len(stream.tkeep)
        beat = Signal(data.StructLayout({"bytes": range(lanes + 1), "last": 1, "bad": 1}))
        valid = Signal()
        enabled = Signal()  # the receiver was on when the frame began
        between = Signal(init=1)  # the next beat begins a frame

        m.d.comb += stream.tready.eq(1)
        m.d.sync += valid.eq(stream.tvalid)
        with m.If(stream.tvalid):
            m.d.sync += [
                self.write_beat.eq(stream.tdata),
                beat.bytes.eq(_count(stream.tkeep)),
                beat.last.eq(stream.tlast),
                beat.bad.eq(stream.tuser),
                between.eq(stream.tlast),
            ]
            with m.If(between):
                m.d.sync += [self.destination.eq(stream.tdata), enabled.eq(self.rctl.EN)]
        with m.If(self.reset):
            m.d.sync += enabled.eq(0)

        # The filter's answer to the first beat is that of the whole frame, though software may change it meanwhile.
        first, held = Signal(init=1), Signal()
        self._passed = Signal()
        m.d.comb += self._passed.eq(Mux(first, self.passed, held))
        with m.If(valid):
            m.d.sync += [first.eq(beat.last), held.eq(self._passed)]

        self._store(m, valid, beat, enabled)
        self._judge(m, valid & beat.last, beat, enabled)
        return m

    def _store(self, m, valid, beat, enabled):
        """Write beats into the FIFO while they fit, and count them all."""
        overrun = Signal()  # an earlier beat of the frame found no room
        beats = Signal(range(2**17 // len(self.stream.tkeep)))  # before this one
        wanted = Signal()
        m.d.comb += [
            wanted.eq(valid & enabled & self._passed & ~overrun),
            self.write.eq(wanted & self.room),
        ]
        with m.If(valid):
            m.d.sync += [overrun.eq(overrun | (wanted & ~self.room)), beats.eq(Mux(beats.all(), beats, beats + 1))]
            with m.If(beat.last):
                m.d.sync += [overrun.eq(0), beats.eq(0)]
        self._overrun = overrun
        self._length = beats * len(self.stream.tkeep) + beat.bytes

    def _judge(self, m, over, beat, enabled):
        """The verdict, in the cycle ``over`` in which the frame's last beat is written."""
        verdict = Signal(RxVerdict)
        length = Signal(17)
        short, long, strip = Signal(), Signal(), Signal()
        m.d.comb += [
            length.eq(self._length),
            short.eq(length < MIN_FRAME),
            long.eq(length > Mux(self.rctl.LPE, MAX_LONG_FRAME, MAX_FRAME)),
        ]
        # A frame that ends in the cycle of a reset would otherwise be counted after it.
        with m.If(~enabled | self.reset):
            m.d.comb += verdict.eq(RxVerdict.DISABLED)
        with m.Elif(~self._passed):
            m.d.comb += verdict.eq(RxVerdict.FILTERED)
        with m.Elif((beat.bad | short | long) & ~self.rctl.SBP):
            m.d.comb += verdict.eq(RxVerdict.ERROR)
        with m.Elif(self._overrun | ~self.room | ~self.frame_room):
            m.d.comb += verdict.eq(RxVerdict.MISSED)
        with m.Else():
            m.d.comb += verdict.eq(RxVerdict.KEPT)

        # A frame no longer than an FCS has none that could be stripped.
        m.d.comb += [
            strip.eq(self.rctl.SECRC & (length > FCS_BYTES)),
            self.commit.eq(over & (verdict == RxVerdict.KEPT)),
            self.commit_short.eq(self.commit & strip & (beat.bytes <= FCS_BYTES)),
            self.discard.eq(over & (verdict != RxVerdict.KEPT)),
            self.frame.length.eq(Mux(strip, length - FCS_BYTES, length)),
            self.frame.report.as_value().eq(0),
            self.frame.report.status.IXSM.eq(1),  # no checksum was calculated
            self.frame.report.errors.CE.eq(beat.bad),
            self.frame.report.errors.RXE.eq(short | long),
            self.frame.small.eq(0),
        ]
        m.d.sync += self.summary_valid.eq(over)
        with m.If(over):
            m.d.sync += [
                self.summary.verdict.eq(verdict),
                self.summary.length.eq(length),
                self.summary.passed.eq(self._passed),
                self.summary.broadcast.eq(self.broadcast),
                self.summary.multicast.eq(self.multicast),
                self.summary.bad_fcs.eq(beat.bad),
                self.summary.short.eq(short),
                self.summary.long.eq(long),
                self.summary.no_buffer.eq(self.no_buffer & (verdict == RxVerdict.KEPT)),
            ]


def _count(keep):
    """Bytes of a beat whose lanes are filled from the lowest: the number of the first empty lane."""
    count = len(keep)
    for lane in reversed(range(len(keep))):
        count = Mux(keep[lane], count, lane)
    return count
