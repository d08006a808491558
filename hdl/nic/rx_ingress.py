"""Receive ingress: judges each frame and hands it to the FIFO or not (SDM 3.2, 13.4.22).

Beats go into the FIFO as they come; the frame's verdict falls in the cycle in which its last beat does.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.registers import layout
from hdl.nic.rx_beat import FCS_BYTES, TAG_BYTES, beat_layout
from hdl.nic.rx_checksum import RxChecksums
from hdl.nic.rx_fifo import RxFrame
from hdl.nic.verdict import RxVerdict


class RxSummary(data.Struct):
    """What is counted about a frame once it is over."""

    verdict: RxVerdict
    length: 17  # bytes, FCS included; sticks near the maximum
    passed: 1  # the filters
    broadcast: 1
    multicast: 1
    bad_fcs: 1
    short: 1
    long: 1
    no_buffer: 1  # kept, but no descriptor was free
    looped: 1  # not from the wire


class RxIngress(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of a beat.

    Attributes:
        rctl, rsrpd: the registers.
        valid, beat: beats, as the host gets them.
        checksums: of the frame, with its last beat.
        write, write_beat, room, commit, frame, frame_room, discard: of the FIFO.
        no_buffer: no descriptor is free.
        summary_valid, summary: pulse, one per frame.
    """

    def __init__(self, data_width: int):
        super().__init__(
            {
                "rctl": In(layout(regmap.RCTL)),
                "rsrpd": In(layout(regmap.RSRPD)),
                "valid": In(1),
                "beat": In(beat_layout(data_width)),
                "checksums": In(RxChecksums),
                "write": Out(1),
                "write_beat": Out(data_width),
                "room": In(1),
                "commit": Out(1),
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
        info = self.beat.info
        overrun = Signal()  # an earlier beat of the frame found no room
        wanted = Signal()
        m.d.comb += [
            wanted.eq(self.valid & info.enabled & info.passed & ~overrun),
            self.write.eq(wanted & self.room),
            self.write_beat.eq(self.beat.data),
        ]
        with m.If(self.valid):
            m.d.sync += overrun.eq(~self.beat.last & (overrun | (wanted & ~self.room)))

        over, verdict = Signal(), Signal(RxVerdict)
        m.d.comb += over.eq(self.valid & self.beat.last)
        with m.If(~info.enabled):
            m.d.comb += verdict.eq(RxVerdict.DISABLED)
        with m.Elif(~info.passed):
            m.d.comb += verdict.eq(RxVerdict.FILTERED)
        with m.Elif((info.bad | info.short | info.long) & ~self.rctl.SBP):
            m.d.comb += verdict.eq(RxVerdict.ERROR)
        with m.Elif(overrun | ~self.room | ~self.frame_room):
            m.d.comb += verdict.eq(RxVerdict.MISSED)
        with m.Else():
            m.d.comb += verdict.eq(RxVerdict.KEPT)
        m.d.comb += [
            self.commit.eq(over & (verdict == RxVerdict.KEPT)),
            self.discard.eq(over & (verdict != RxVerdict.KEPT)),
        ]
        self._describe(m)
        self._summarise(m, over, verdict)
        return m

    def _describe(self, m):
        """The frame as its descriptors are to tell of it."""
        info, frame, report = self.beat.info, self.frame, self.frame.report
        faulty = info.bad | info.short | info.long
        taken = Mux(info.stripped, TAG_BYTES, 0) + Mux(info.fcs_stripped, FCS_BYTES, 0)
        ip_checked, l4_checked = self.checksums.ip_checked & ~faulty, self.checksums.l4_checked & ~faulty
        m.d.comb += [
            frame.length.eq(info.length - taken),
            frame.small.eq((frame.length <= self.rsrpd.SIZE) & (self.rsrpd.SIZE != 0)),
            report.as_value().eq(0),
            report.checksum.eq(self.checksums.packet),
            report.status.IXSM.eq(~ip_checked & ~l4_checked),
            report.status.VP.eq(info.stripped),
            report.status.IPCS.eq(ip_checked),
            report.status.TCPCS.eq(l4_checked),
            report.status.PIF.eq(info.inexact),
            report.errors.CE.eq(info.bad),
            report.errors.RXE.eq(info.short | info.long),
            report.errors.IPE.eq(ip_checked & self.checksums.ip_bad),
            report.errors.TCPE.eq(l4_checked & self.checksums.l4_bad),
            report.special.eq(Mux(info.stripped, info.tag, 0)),
        ]

    def _summarise(self, m, over, verdict):
        """What is counted, one clock later."""
        info = self.beat.info
        m.d.sync += self.summary_valid.eq(over)
        with m.If(over):
            m.d.sync += [
                self.summary.verdict.eq(verdict),
                self.summary.length.eq(info.length),
                self.summary.passed.eq(info.passed),
                self.summary.broadcast.eq(info.broadcast),
                self.summary.multicast.eq(info.multicast),
                self.summary.bad_fcs.eq(info.bad),
                self.summary.short.eq(info.short),
                self.summary.long.eq(info.long),
                self.summary.looped.eq(info.looped),
                self.summary.no_buffer.eq(self.no_buffer & (verdict == RxVerdict.KEPT)),
            ]
