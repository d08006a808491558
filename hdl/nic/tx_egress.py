"""Transmit egress: the last register before the wire, and what is counted about a frame that leaves.

A device reset in the middle of a frame may not leave the stream without an end: one more beat with TLAST and TUSER
says that the frame is none.
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.axi import AxiStream
from hdl.nic.tx_align import TxBeat
from hdl.nic.tx_summary import TxSummary

_BROADCAST = (1 << 48) - 1


class TxEgress(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of a beat.

    Attributes:
        reset: cut off the frame that is going out.
        beats: frames with their FCS.
        bad: with the last beat: the FCS is wrong.
        stream: to the MAC; ``tuser`` with ``tlast`` marks a frame that was cut off.
        bad_fcs: with the last beat on the stream: the FCS is wrong, which only the receiver of the frame minds.
        summary_valid, summary: pulse, a frame has left, not cut off.
    """

    def __init__(self, data_width: int):
        super().__init__(
            {
                "reset": In(1),
                "beats": In(stream.Signature(TxBeat(data_width))),
                "bad": In(1),
                "stream": Out(AxiStream(data_width)),
                "bad_fcs": Out(1),
                "summary_valid": Out(1),
                "summary": Out(TxSummary),
            }
        )

    def elaborate(self, platform):
        m = Module()
        beat, out = self.beats.payload, self.stream
        lanes = len(out.tkeep)
        open_frame = Signal()  # a beat went into the register, and the last one did not yet
        cutting = Signal()  # the next beat ends a frame that a reset has cut off
        free = ~out.tvalid | out.tready
        m.d.comb += self.beats.ready.eq(free & ~cutting & ~self.reset)
        with m.If(free):
            m.d.sync += out.tvalid.eq(self.beats.valid & self.beats.ready)
        with m.If(self.beats.valid & self.beats.ready):
            m.d.sync += [
                out.tdata.eq(beat.data),
                out.tkeep.eq(Cat(beat.count > lane for lane in range(lanes))),
                out.tlast.eq(beat.last),
                self.bad_fcs.eq(self.bad),
                open_frame.eq(~beat.last),
            ]
        with m.If(self.reset & open_frame):
            m.d.sync += cutting.eq(1)
        with m.Elif(cutting & free):
            m.d.sync += [
                out.tvalid.eq(1),
                out.tkeep.eq(1),
                out.tlast.eq(1),
                out.tuser.eq(1),
                cutting.eq(0),
                open_frame.eq(0),
            ]
        with m.If(out.tvalid & out.tready & out.tlast):
            m.d.sync += out.tuser.eq(0)
        self._count(m)
        return m

    def _count(self, m):
        beat = self.beats.payload
        take = self.beats.valid & self.beats.ready
        first = Signal(init=1)
        before = Signal(17)  # bytes of the frame's earlier beats
        destination = beat.data[:48]
        summary = Signal(TxSummary)  # of the frame that goes into the register
        sent = self.stream.tvalid & self.stream.tready & self.stream.tlast & ~self.stream.tuser
        with m.If(take):
            m.d.sync += [
                first.eq(beat.last),
                before.eq(Mux(beat.last, 0, before + beat.count)),
                summary.length.eq(before + beat.count),
            ]
            with m.If(first):
                m.d.sync += [
                    summary.broadcast.eq(destination == _BROADCAST),
                    summary.multicast.eq(destination[0] & (destination != _BROADCAST)),
                ]
        with m.If(self.reset):
            m.d.sync += [first.eq(1), before.eq(0)]
        m.d.sync += self.summary_valid.eq(sent)
        with m.If(sent):
            m.d.sync += self.summary.eq(summary)
