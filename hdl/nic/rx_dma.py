"""Reception from committed frames in the FIFO to descriptors in host memory, for one queue or several (SDM 3.2).

All queues share the FIFO, the segmenter, the writer and the write-back; each has its ring and its prefetched
descriptors. So a frame whose queue has no descriptors keeps those behind it waiting, unless SRRCTL.DROP_EN lets it be
dropped. Dropped frames are counted in the queue's RQDPC.

Reception stops when

- RCTL.EN is cleared and the frame that has begun is in memory; frames still in the FIFO stay there;
- RCTL.EN is clear and a ring is set up anew: the frame that has begun is dropped;
- the device is reset.

AXI bursts that have started are always finished; once reception is stopped their beats write nothing. It starts when
RCTL.EN is set and nothing is under way on the DMA port any more.

An error response on the DMA port halts the queue until CTRL.RST, and raises ICR.FER. A NIC with one queue starts no
new burst then. With several queues the others go on; frames for the one that is halted are dropped, and what it has in
the writer is not written back.
"""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.axi import Axi, connect_part
from hdl.nic.axi_read_arbiter import AxiReadArbiter
from hdl.nic.registers import RegisterPort, layout
from hdl.nic.rx_fifo import RxFrame
from hdl.nic.rx_queue import RxQueue
from hdl.nic.rx_segments import RxRoute, RxSegments
from hdl.nic.rx_writeback import RxWriteBack
from hdl.nic.rx_writer import RxWriter

#: Registers of which each queue has one.
_QUEUE_REGISTERS = (regmap.RDBAL, regmap.RDBAH, regmap.RDLEN, regmap.RDT)


class RxDma(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of the DMA port.
        queues: receive queues.

    Attributes:
        reset: device reset, a pulse.
        rctl, rdbal, rdbah, rdlen, rdt, rdh: the registers; with several queues rxdctl, srrctl and rqdpc, too.
        write_data: data of a write to RDH.
        beats, frames, drop: of the FIFO.
        routes: where each frame goes, in their order; only with several queues.
        axi: DMA port.
        no_buffer: every descriptor of every queue has been taken.
        written: pulses by queue: a frame is in memory and its last descriptor is written back.
        small: with ``written``: the frame is no longer than RSRPD.SIZE.
        rxdmt0: pulse, the free part of a ring has shrunk to the threshold of RCTL.RDMTS.
        fault: pulse, a queue halts: an access to host memory was answered with an error.
    """

    def __init__(self, data_width: int, queues: int = 1):
        self._data_width = data_width
        self._queues = queues
        several = {
            "rxdctl": In(data.ArrayLayout(layout(regmap.RXDCTL), queues)),
            "srrctl": In(data.ArrayLayout(layout(regmap.SRRCTL), queues)),
            "rqdpc": In(RegisterPort()).array(queues),
            "routes": In(stream.Signature(RxRoute)),
        }
        super().__init__(
            {
                "reset": In(1),
                "rctl": In(layout(regmap.RCTL)),
                **{r.__name__.lower(): In(data.ArrayLayout(layout(r), queues)) for r in _QUEUE_REGISTERS},
                "rdh": In(RegisterPort()).array(queues),
                "write_data": In(32),
                "beats": In(stream.Signature(data_width)),
                "frames": In(stream.Signature(RxFrame)),
                "drop": Out(1),
                "axi": Out(Axi(data_width)),
                "no_buffer": Out(1),
                "written": Out(queues),
                "small": Out(1),
                "rxdmt0": Out(1),
                "fault": Out(1),
                **(several if queues > 1 else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        several = self._queues > 1
        m.submodules.segments = segments = RxSegments(self._queues)
        m.submodules.writer = writer = RxWriter(self._data_width, self._queues)
        m.submodules.writeback = writeback = RxWriteBack(self._queues)
        queues = [RxQueue(self._data_width, several=several) for _ in range(self._queues)]
        for number, queue in enumerate(queues):
            m.submodules[f"queue{number}" if several else "queue"] = queue
        running = Signal()
        faulted = Signal(self._queues)

        self._connect_reads(m, queues)
        for part in (writer.axi, writeback.response):
            connect_part(m, part, self.axi)
        wiring.connect(m, wiring.flipped(self.frames), segments.frames)
        wiring.connect(m, wiring.flipped(self.beats), writer.beats)
        wiring.connect(m, writeback.writebacks, writer.writebacks)
        for number, queue in enumerate(queues):
            self._connect_queue(m, number, queue, segments, writeback, faulted[number])
            m.d.comb += [queue.receiving.eq(running), queue.halted.eq(faulted[number])]
        m.d.comb += [
            # A segment goes to the writer and into the write-back's list at once.
            writer.segments.payload.eq(segments.segments.payload),
            writer.segments.valid.eq(segments.segments.valid & writeback.segment_room),
            segments.segments.ready.eq(writer.segments.ready & writeback.segment_room),
            writeback.segment_valid.eq(writer.segments.valid & writer.segments.ready),
            writeback.segment.eq(segments.segments.payload),
            writeback.started_valid.eq(writer.started_valid),
            writeback.started.eq(writer.started),
            writer.hold.eq(~writeback.burst_room | (0 if several else faulted)),
            *(block.run.eq(running) for block in (segments, writer, writeback)),
            segments.enable.eq(self.rctl.EN),
            segments.rctl.eq(self.rctl),
            segments.drained.eq(writer.drained),
            self.drop.eq(~running | segments.drop),
            self.no_buffer.eq(Cat(queue.exhausted for queue in queues).all()),
            self.small.eq(writeback.done_small),
            self.rxdmt0.eq(Cat(queue.rxdmt0 for queue in queues).any()),
        ]
        if several:
            self._connect_several(m, segments, writeback, faulted)

        faults = Cat(queue.fault for queue in queues) | writeback.faults
        m.d.comb += self.fault.eq(running & (faults & ~faulted).any())
        with m.If(self.reset):
            m.d.sync += faulted.eq(0)
        with m.Elif(self.fault):
            m.d.sync += faulted.eq(faulted | faults)

        port_idle = Cat(queue.idle for queue in queues).all() & writer.idle & writeback.idle
        frame_done = segments.idle & writer.idle & writeback.empty
        initialised = Cat(queue.initialised for queue in queues).any()
        with m.If(running):
            with m.If(self.reset | (~self.rctl.EN & (frame_done | initialised))):
                m.d.sync += running.eq(0)
        with m.Else():
            m.d.sync += running.eq(self.rctl.EN & port_idle & ~self.reset)
        return m

    def _connect_reads(self, m, queues):
        """The queues share the read channels of the DMA port."""
        if len(queues) == 1:
            connect_part(m, queues[0].axi, self.axi)
            return
        m.submodules.reads = reads = AxiReadArbiter(self._data_width, len(queues))
        for number, queue in enumerate(queues):
            wiring.connect(m, queue.axi, reads.sources[number])
        connect_part(m, reads.axi, self.axi)

    def _connect_queue(self, m, number, queue, segments, writeback, faulted):  # noqa: PLR0913, PLR0917  (what it connects)
        # A write-back that failed moves nothing, and neither do those behind it that were on their way.
        done = writeback.done[number]
        good = done & ~faulted & ~writeback.faults[number]
        wiring.connect(m, queue.buffers, segments.buffers[number])
        wiring.connect(m, wiring.flipped(self.rdh[number]), queue.rdh)
        m.d.comb += [
            queue.reset.eq(self.reset),
            queue.rctl.eq(self.rctl),
            *(getattr(queue, n).eq(getattr(self, n)[number]) for n in ("rdbal", "rdbah", "rdlen", "rdt")),
            queue.write_data.eq(self.write_data),
            queue.done.eq(good),
            writeback.bases[number].eq(queue.base),
            self.written[number].eq(good & writeback.done_eop),
        ]
        if self._queues > 1:
            m.d.comb += [
                queue.enable.eq(self.rxdctl[number].ENABLE),
                queue.begun.eq(segments.begun[number]),
                queue.skipped.eq(writeback.skipped[number] | (done & ~good)),
                segments.off[number].eq(~queue.running),
                segments.closing[number].eq(~self.rxdctl[number].ENABLE),
                segments.exhausted[number].eq(queue.exhausted),
            ]

    def _connect_several(self, m, segments, writeback, faulted):
        """What a NIC with one queue has not: routes, frames that are dropped, and a fault of one queue."""
        wiring.connect(m, wiring.flipped(self.routes), segments.routes)
        m.d.comb += [
            segments.srrctl.eq(self.srrctl),
            segments.faulted.eq(faulted),
            writeback.faulted.eq(faulted),
        ]
        for number, register in enumerate(self.rqdpc):
            dropped = Signal(32, name=f"dropped{number}")
            kept = dropped & ~register.read.replicate(32)
            with m.If(self.reset):
                m.d.sync += dropped.eq(0)
            with m.Elif(register.read | segments.dropped[number]):
                m.d.sync += dropped.eq(kept + (segments.dropped[number] & ~kept.all()))
            m.d.comb += register.value.eq(dropped)
