"""The transmit path, from pieces of frames to the wire: pipes blocks together; each tells in its file what it does."""

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.axi import AxiStream
from hdl.nic.dma_reads import DmaBeat, DmaRead
from hdl.nic.registers import layout
from hdl.nic.stream_buffer import StreamBuffer
from hdl.nic.tx_align import TxAlign
from hdl.nic.tx_checksum import TxChecksum
from hdl.nic.tx_egress import TxEgress
from hdl.nic.tx_fcs import TxFcs
from hdl.nic.tx_fifo import TxFifo
from hdl.nic.tx_headers import TxHeaders
from hdl.nic.tx_insert import TxInsert
from hdl.nic.tx_offload import TxSegment, TxSums
from hdl.nic.tx_pad import TxPad
from hdl.nic.tx_piece import TxPiece, TxReport
from hdl.nic.tx_reader import TxBytes, TxReader
from hdl.nic.tx_summary import TxSummary
from hdl.nic.tx_vlan import TxVlan
from hdl.nic.tx_writeback import FRAME_COUNT_BITS

#: Frames of which it has been told what to do, and which are still to come.
_TOLD = 16


class _Told(wiring.Component):
    """A queue between two streams."""

    def __init__(self, shape):
        self._shape = shape
        super().__init__({"told": In(stream.Signature(shape)), "heard": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = SyncFIFO(width=self._shape.as_shape().size, depth=_TOLD)
        m.d.comb += [
            queue.w_data.eq(self.told.payload),
            queue.w_en.eq(self.told.valid),
            self.told.ready.eq(queue.w_rdy),
            self.heard.payload.eq(queue.r_data),
            self.heard.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.heard.ready),
        ]
        return m


class TxPath(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of the DMA port and of the stream.
        fifo_bytes: size of the transmit FIFO.
        queues: transmit queues.

    Attributes:
        reset: device reset, a pulse.
        tctl: the register.
        tag_frames: CTRL.VME.
        tag_ethertype: VET.
        pieces: in the order of the wire.
        queue: with ``pieces``: whose it is.
        segments, sums: as TxFrames tells them.
        requests, beat_valid, beat, beat_ready: of the DMA port.
        stream: frames with their FCS.
        bad_fcs: with the last beat on the stream: software's FCS is wrong.
        done, report: pulse by queue, a descriptor's data is here, and what the driver wants to hear of it.
        ended: frames whose data is here, counted round; with ``done``, that which ends with the descriptor among them.
        left: those of them that have left.
        whole: pulse, a frame is whole and is going to be sent.
        summary_valid, summary: pulse, a frame has left.
        fault: pulse by queue, data could not be read, or a frame was too long.
        idle: no read is under way.
    """

    def __init__(self, data_width: int, fifo_bytes: int, queues: int = 1):
        self._data_width, self._queues = data_width, queues
        self._fifo_beats = fifo_bytes // (data_width // 8)
        self._fifo_frames = fifo_bytes // 64
        super().__init__(
            {
                "reset": In(1),
                "tctl": In(layout(regmap.TCTL)),
                "tag_frames": In(1),
                "tag_ethertype": In(16),
                "pieces": In(stream.Signature(TxPiece)),
                "queue": In(range(queues)),
                "segments": In(stream.Signature(TxSegment)),
                "sums": In(stream.Signature(TxSums)),
                "requests": Out(stream.Signature(DmaRead)),
                "beat_valid": In(1),
                "beat": In(DmaBeat(data_width)),
                "beat_ready": Out(1),
                "stream": Out(AxiStream(data_width)),
                "bad_fcs": Out(1),
                "done": Out(queues),
                "report": Out(TxReport),
                "ended": Out(FRAME_COUNT_BITS),
                "left": Out(FRAME_COUNT_BITS),
                "whole": Out(1),
                "summary_valid": Out(1),
                "summary": Out(TxSummary),
                "fault": Out(queues),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width, queues = self._data_width, self._queues
        reader = TxReader(width, self._fifo_beats, self._fifo_frames, queues)
        told_segments, told_sums = _Told(TxSegment), _Told(TxSums)
        headers, checksum, insert, vlan = TxHeaders(width, queues), TxChecksum(width), TxInsert(width), TxVlan(width)
        align, fifo = TxAlign(width, queues), TxFifo(width, self._fifo_beats, self._fifo_frames)
        # Without these who waits for whom would be one long path.
        buffer, asked = StreamBuffer(TxBytes(width, queues)), StreamBuffer(DmaRead)
        pad, fcs, egress = TxPad(width), TxFcs(width), TxEgress(width)
        # These three have handshakes with the outside to finish.
        m.submodules.reader, m.submodules.asked, m.submodules.egress = reader, asked, egress
        m.d.comb += [reader.reset.eq(self.reset), egress.reset.eq(self.reset)]
        for name, block in {
            "told_segments": told_segments,
            "told_sums": told_sums,
            "headers": headers,
            "buffer": buffer,
            "align": align,
            "checksum": checksum,
            "fifo": fifo,
            "insert": insert,
            "vlan": vlan,
            "pad": pad,
            "fcs": fcs,
        }.items():
            m.submodules[name] = ResetInserter(self.reset)(block)

        wiring.connect(m, wiring.flipped(self.pieces), reader.pieces)
        wiring.connect(m, reader.requests, asked.i)
        wiring.connect(m, asked.o, wiring.flipped(self.requests))
        wiring.connect(m, wiring.flipped(self.segments), told_segments.told)
        wiring.connect(m, wiring.flipped(self.sums), told_sums.told)
        wiring.connect(m, reader.bytes, headers.bytes)
        wiring.connect(m, told_segments.heard, headers.segments)
        wiring.connect(m, told_sums.heard, checksum.sums)
        wiring.connect(m, headers.completed, buffer.i)
        wiring.connect(m, buffer.o, align.bytes)
        wiring.connect(m, fifo.beats, insert.beats)
        wiring.connect(m, insert.inserted, vlan.beats)
        wiring.connect(m, vlan.tagged, pad.beats)
        wiring.connect(m, pad.padded, fcs.beats)
        wiring.connect(m, fcs.checked, egress.beats)
        wiring.connect(m, egress.stream, wiring.flipped(self.stream))
        m.d.comb += [
            reader.queue.eq(self.queue),
            reader.beat_valid.eq(self.beat_valid),
            reader.beat.eq(self.beat),
            self.beat_ready.eq(reader.beat_ready),
            reader.beat_left.eq(fifo.beat_left),
            reader.frame_left.eq(fifo.frame_left),
            fifo.write.eq(align.valid),
            fifo.write_beat.eq(align.beat),
            checksum.valid.eq(align.valid),
            checksum.beat.eq(align.beat),
            fifo.enter.eq(checksum.enter),
            fifo.enter_frame.eq(checksum.frame),
            vlan.enable.eq(self.tag_frames),
            vlan.ethertype.eq(self.tag_ethertype),
            pad.enable.eq(self.tctl.PSP),
            egress.bad.eq(fcs.bad),
            self.bad_fcs.eq(egress.bad_fcs),
            self.done.eq(align.done),
            self.report.eq(align.report),
            self.whole.eq(fifo.whole),
            self.summary_valid.eq(egress.summary_valid),
            self.summary.eq(egress.summary),
            self.fault.eq(reader.fault),
            self.idle.eq(reader.idle),
        ]
        self._count(m, align.end, egress.summary_valid, fifo.dropped)
        return m

    def _count(self, m, end, sent, dropped):
        """Counts frames that ended, and those that left; a dropped one leaves when it comes to the end of the FIFO."""
        before = Signal(FRAME_COUNT_BITS)  # without the one that ends now
        m.d.comb += self.ended.eq(before + end)
        with m.If(self.reset):
            m.d.sync += [before.eq(0), self.left.eq(0)]
        with m.Else():
            with m.If(end):
                m.d.sync += before.eq(self.ended)
            with m.If(sent | dropped):
                m.d.sync += self.left.eq(self.left + sent + dropped)
