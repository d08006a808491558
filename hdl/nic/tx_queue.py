"""Transmit queue: from descriptors in host memory to pieces of frames, and back to the driver (SDM 3.4).

TDH, TDBAL, TDBAH and TDLEN take effect while TCTL.EN is clear; while it is set, writes of TDH are swallowed and those
of the others wait. Without TCTL.EN, or without link, no descriptor is begun; what was begun goes on, and a frame of
which more descriptors are to come waits for them. If TCTL.EN is clear and one of those registers is changed, the ring
begins anew: the frame that has begun is dropped, the prefetched descriptors are forgotten, and nothing more is reported
of those that were begun. Frames that are whole in the FIFO go out all the same.

With several queues each has a switch of its own, TXDCTL.ENABLE, which must be on besides TCTL.EN. When it is switched
off, the frame that has begun is dropped if more descriptors of it are to come, so that the other queues do not wait.

An error response on the DMA port halts the queue until CTRL.RST: no further descriptor is begun. With several queues
the frame that has begun is dropped, too, and the others go on.
"""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.dma_reads import DmaBeat, DmaRead
from hdl.nic.dma_writes import DmaWrite
from hdl.nic.registers import RegisterPort, layout
from hdl.nic.rx_descriptors import DESCRIPTOR_BYTES, Ring
from hdl.nic.tx_descriptors import TxDescriptors
from hdl.nic.tx_frames import TxFrames
from hdl.nic.tx_offload import TxSegment, TxSums
from hdl.nic.tx_piece import TxPiece, TxReport
from hdl.nic.tx_writeback import DESCRIPTORS, FRAME_COUNT_BITS, TxWriteBack

#: Descriptors in a unit of TDLEN.LEN.
_TDLEN_DESCRIPTORS = 128 // DESCRIPTOR_BYTES

#: Descriptors in a unit of TXDCTL.LWTHRESH.
_LWTHRESH_DESCRIPTORS = 8


class TxQueueState(enum.Enum, shape=2):
    """What a queue does."""

    STOPPED = 0  # nothing
    RUNNING = 1  # begins descriptors, if it may
    STOPPING = 2  # is to begin anew, and waits for the data of what was begun


class TxQueue(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of the DMA port.
        several: it is one of several queues, each of which is switched on and off for itself.

    Attributes:
        reset: device reset, a pulse.
        link_up: STATUS.LU.
        tctl, tdbal, tdbah, tdlen, tdt, txdctl, tdh: the registers.
        write_data: data of a write to TDH.
        requests, beat_valid, beat: descriptors from the DMA port.
        writes, answered, failed: write-backs on the DMA port.
        pieces, segments, sums: for the transmit path.
        segmented, segmentation_failed: pulse, a packet that is segmented is over, as TSCTC and TSCTFC count it.
        holds, ends: of TxSegments; only if it is one of several.
        done, report, ended, left: of the transmit path.
        path_fault: pulse, data of this queue's frames could not be read, or a frame was too long.
        path_idle: no data is being read.
        retired, retired_report: pulse, a descriptor is finished with, and what the driver wanted to hear of it.
        txqe: pulse, the queue is empty.
        txd_low: pulse, the descriptors that are left have shrunk to the threshold of TXDCTL.LWTHRESH; only if it is not
            one of several.
        fault: pulse, the queue has been halted by an error.
    """

    def __init__(self, data_width: int, *, several: bool):
        self._data_width = data_width
        self._several = several
        super().__init__(
            {
                "reset": In(1),
                "link_up": In(1),
                "tctl": In(layout(regmap.TCTL)),
                "tdbal": In(layout(regmap.TDBAL)),
                "tdbah": In(layout(regmap.TDBAH)),
                "tdlen": In(layout(regmap.TDLEN)),
                "tdt": In(layout(regmap.TDT)),
                "txdctl": In(layout(regmap.TXDCTL)),
                "tdh": In(RegisterPort()),
                "write_data": In(32),
                "requests": Out(stream.Signature(DmaRead)),
                "beat_valid": In(1),
                "beat": In(DmaBeat(data_width)),
                "writes": Out(stream.Signature(DmaWrite)),
                "answered": In(1),
                "failed": In(1),
                "pieces": Out(stream.Signature(TxPiece)),
                "segments": Out(stream.Signature(TxSegment)),
                "sums": Out(stream.Signature(TxSums)),
                "segmented": Out(1),
                "segmentation_failed": Out(1),
                "done": In(1),
                "report": In(TxReport),
                "ended": In(FRAME_COUNT_BITS),
                "left": In(FRAME_COUNT_BITS),
                "path_fault": In(1),
                "path_idle": In(1),
                "retired": Out(1),
                "retired_report": Out(TxReport),
                "txqe": Out(1),
                "fault": Out(1),
                **({"holds": Out(1), "ends": Out(1)} if several else {"txd_low": Out(1)}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.descriptors = descriptors = TxDescriptors(self._data_width)
        frames = TxFrames(several=self._several)
        m.submodules.frames = ResetInserter(self.reset)(frames)
        m.submodules.writeback = writeback = TxWriteBack(several=self._several)
        state = Signal(TxQueueState)
        faulted = Signal()
        ring = Signal(Ring)
        head = Signal(16)
        self._enable = enable = self.tctl.EN & self.txdctl.ENABLE if self._several else self.tctl.EN
        go_on = state == TxQueueState.RUNNING
        dropping = state == TxQueueState.STOPPING
        if self._several:
            dropping |= faulted | ~self.txdctl.ENABLE
            m.d.comb += [self.holds.eq(frames.holds), self.ends.eq(frames.ends)]
        take = descriptors.descriptors.valid & descriptors.descriptors.ready

        wiring.connect(m, descriptors.requests, wiring.flipped(self.requests))
        wiring.connect(m, descriptors.descriptors, frames.descriptors)
        for name in ("pieces", "segments", "sums"):
            wiring.connect(m, getattr(frames, name), wiring.flipped(getattr(self, name)))
        wiring.connect(m, writeback.writes, wiring.flipped(self.writes))
        begun, fetching = self._count(m, take, writeback.retired, state)
        m.d.comb += [
            descriptors.beat_valid.eq(self.beat_valid),
            descriptors.beat.eq(self.beat),
            descriptors.tail.eq(self.tdt.TDT),
            frames.enable.eq(enable & self.link_up & go_on & ~faulted & (begun != DESCRIPTORS)),
            frames.abort.eq(dropping),
            self.segmented.eq(frames.segmented),
            self.segmentation_failed.eq(frames.segmentation_failed),
            *(block.run.eq(go_on) for block in (descriptors, writeback)),
            *(block.ring.eq(ring) for block in (descriptors, writeback)),
            *(block.head.eq(head) for block in (descriptors, writeback)),
            *(getattr(writeback, name).eq(getattr(self, name)) for name in ("done", "report", "ended", "left")),
            *(getattr(writeback, name).eq(getattr(self, name)) for name in ("answered", "failed")),
            self.retired.eq(writeback.retired),
            self.retired_report.eq(writeback.retired_report),
        ]

        failing = descriptors.fault | writeback.fault | self.path_fault
        m.d.comb += self.fault.eq(failing & ~faulted)
        with m.If(self.reset):
            m.d.sync += faulted.eq(0)
        with m.Elif(failing):
            m.d.sync += faulted.eq(1)

        port_idle = descriptors.idle & writeback.idle & self.path_idle
        over = frames.between & ~fetching
        self._start_and_stop(m, state, ring, port_idle, over)
        self._move_head(m, head, ring)
        return m

    def _count(self, m, take, retired, state):
        """Counts descriptors; returns how many were begun and are not retired, and whether data is to come of any."""
        begun = Signal(range(DESCRIPTORS + 1))
        fetching = Signal(range(DESCRIPTORS + 1))
        with m.If(self.reset | (state == TxQueueState.STOPPED)):
            m.d.sync += [begun.eq(0), fetching.eq(0)]
        with m.Else():
            with m.If(take ^ retired):
                m.d.sync += begun.eq(Mux(take, begun + 1, begun - 1))
            with m.If(take ^ self.done):
                m.d.sync += fetching.eq(Mux(take, fetching + 1, fetching - 1))
        return begun, fetching != 0

    def _start_and_stop(self, m, state, ring, port_idle, over):
        wanted = Signal(Ring)
        m.d.comb += [
            wanted.base.eq(Cat(self.tdbal, self.tdbah)),
            wanted.size.eq(self.tdlen.LEN * _TDLEN_DESCRIPTORS),
        ]
        anew = ~self._enable & (self.tdh.write | (wanted.as_value() != ring.as_value()))
        with m.Switch(state):
            with m.Case(TxQueueState.STOPPED):
                m.d.sync += ring.eq(wanted)
                with m.If(self._enable & port_idle & ~self.reset):
                    m.d.sync += state.eq(TxQueueState.RUNNING)
            with m.Case(TxQueueState.RUNNING):
                with m.If(self.reset):
                    m.d.sync += state.eq(TxQueueState.STOPPED)
                with m.Elif(anew):
                    m.d.sync += state.eq(TxQueueState.STOPPING)
            with m.Case(TxQueueState.STOPPING):
                with m.If(self.reset | over):
                    m.d.sync += state.eq(TxQueueState.STOPPED)

    def _move_head(self, m, head, ring):
        """TDH, and the causes that its moving has."""
        next_head = Signal(16)
        left = Signal(16)  # descriptors, once this one is retired
        tail = self.tdt.TDT
        m.d.comb += [
            next_head.eq(Mux(head + 1 == ring.size, 0, head + 1)),
            left.eq(tail - next_head + Mux(tail >= next_head, 0, ring.size)),
            self.tdh.value.eq(head),
            self.txqe.eq(self.retired & (left == 0)),
        ]
        if not self._several:
            low = self.txdctl.LWTHRESH * _LWTHRESH_DESCRIPTORS
            m.d.comb += self.txd_low.eq(self.retired & (left == low))
        with m.If(self.reset):
            m.d.sync += head.eq(0)
        with m.Elif(self.tdh.write & ~self._enable):
            m.d.sync += head.eq(self.write_data)
        with m.Elif(self.retired):
            m.d.sync += head.eq(next_head)
