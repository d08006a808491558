"""Transmission from the registers to the stream: the queues, the path that their frames take, and the DMA port of all.

Each queue has its ring, its prefetched descriptors, its contexts and its write-backs; packets go down the one path in
turns (hdl/nic/tx_turns.py). What halts a queue raises ICR.FER, and the others go on.
"""

from amaranth.hdl import Cat, Module, ResetInserter
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.axi import Axi, AxiStream, connect_part
from hdl.nic.delay_timer import DelayTimer
from hdl.nic.dma_reads import DmaReads
from hdl.nic.dma_writes import DmaWrites
from hdl.nic.registers import RegisterPort, layout
from hdl.nic.tx_path import TxPath
from hdl.nic.tx_queue import TxQueue
from hdl.nic.tx_summary import TxSummary
from hdl.nic.tx_turns import TxTurns

_REGISTERS = regmap.CTRL, regmap.VET, regmap.TCTL, regmap.TIDV, regmap.TADV

#: Registers of which each queue has one.
_QUEUE_REGISTERS = regmap.TDBAL, regmap.TDBAH, regmap.TDLEN, regmap.TDT, regmap.TXDCTL


class TxDma(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of the DMA port and of the stream.
        fifo_bytes: size of the transmit FIFO.
        queues: transmit queues.

    Attributes:
        reset: device reset, a pulse.
        link_up: STATUS.LU.
        ctrl, vet, tctl, tidv, tadv, tdbal, tdbah, tdlen, tdt, txdctl, tdh: the registers.
        write_data: data of a write to TDH.
        by_vectors: they, and not TXDW, tell of the queues' events.
        axi: DMA port.
        stream: frames with their FCS.
        bad_fcs: with the last beat on the stream: software's FCS is wrong.
        txdw, txqe, txd_low, fault: pulses, causes of interrupts.
        reported: pulses by queue: what is to become TXDW, without its delay.
        segmented, segmentation_failed: pulse, a packet that is segmented is over, as TSCTC and TSCTFC count it.
        whole: pulse, a frame is whole in the FIFO and is going to be sent.
        summary_valid, summary: pulse, a frame has left.
    """

    def __init__(self, data_width: int, fifo_bytes: int, queues: int = 1):
        self._data_width, self._fifo_bytes, self._queues = data_width, fifo_bytes, queues
        super().__init__(
            {
                "reset": In(1),
                "link_up": In(1),
                **{r.__name__.lower(): In(layout(r)) for r in _REGISTERS},
                **{r.__name__.lower(): In(data.ArrayLayout(layout(r), queues)) for r in _QUEUE_REGISTERS},
                "tdh": In(RegisterPort()).array(queues),
                "write_data": In(32),
                "by_vectors": In(1),
                "axi": Out(Axi(data_width)),
                "stream": Out(AxiStream(data_width)),
                "bad_fcs": Out(1),
                "txdw": Out(1),
                "txqe": Out(1),
                "txd_low": Out(1),
                "fault": Out(1),
                "reported": Out(queues),
                "segmented": Out(1),
                "segmentation_failed": Out(1),
                "whole": Out(1),
                "summary_valid": Out(1),
                "summary": Out(TxSummary),
            }
        )

    def elaborate(self, platform):
        m = Module()
        several = self._queues > 1
        queues = [TxQueue(self._data_width, several=several) for _ in range(self._queues)]
        for number, queue in enumerate(queues):
            m.submodules[f"queue{number}" if several else "queue"] = queue
        m.submodules.path = path = TxPath(self._data_width, self._fifo_bytes, self._queues)
        m.submodules.reads = reads = DmaReads(self._data_width, self._queues + 1)
        m.submodules.writes = writes = DmaWrites(self._data_width, self._queues)
        timer = DelayTimer()
        m.submodules.timer = ResetInserter(self.reset)(timer)

        for part in (reads.axi, writes.axi, writes.response):
            connect_part(m, part, self.axi)
        wiring.connect(m, path.requests, reads.requests[self._queues])
        wiring.connect(m, path.stream, wiring.flipped(self.stream))
        for number, queue in enumerate(queues):
            self._connect_queue(m, number, queue, path, reads, writes)
        self._take_turns(m, queues, path)
        m.d.comb += [
            path.reset.eq(self.reset),
            path.tctl.eq(self.tctl),
            path.beat.eq(reads.beat),
            Cat(*(queue.beat_valid for queue in queues), path.beat_valid).eq(reads.beat_valid),
            reads.beat_ready.eq(Cat(*(1 for _ in queues), path.beat_ready)),
            path.tag_frames.eq(self.ctrl.VME),
            path.tag_ethertype.eq(self.vet.VET),
            self.txqe.eq(Cat(queue.txqe for queue in queues).any()),
            self.fault.eq(Cat(queue.fault for queue in queues).any()),
            *(getattr(self, name).eq(getattr(path, name)) for name in ("bad_fcs", "whole", "summary_valid", "summary")),
        ]
        if not several:
            m.d.comb += self.txd_low.eq(queues[0].txd_low)
        self._delay(m, queues, timer)
        return m

    def _connect_queue(self, m, number, queue, path, reads, writes):  # noqa: PLR0913, PLR0917  (what it connects)
        wiring.connect(m, queue.requests, reads.requests[number])
        wiring.connect(m, queue.writes, writes.requests[number])
        wiring.connect(m, wiring.flipped(self.tdh[number]), queue.tdh)
        m.d.comb += [
            queue.reset.eq(self.reset),
            queue.tctl.eq(self.tctl),
            queue.beat.eq(reads.beat),
            *(getattr(queue, n).eq(getattr(self, n)[number]) for n in ("tdbal", "tdbah", "tdlen", "tdt", "txdctl")),
            queue.write_data.eq(self.write_data),
            *(getattr(queue, name).eq(getattr(path, name)) for name in ("report", "ended", "left")),
            queue.done.eq(path.done[number]),
            queue.link_up.eq(self.link_up),
            queue.answered.eq(writes.answered[number]),
            queue.failed.eq(writes.failed),
            queue.path_fault.eq(path.fault[number]),
            # Data of one of several queues never comes to rest for good. It need not: a queue stops when its own is
            # there, or with the reset, behind which none comes.
            queue.path_idle.eq(path.idle if self._queues == 1 else 1),
        ]

    def _take_turns(self, m, queues, path):
        """From the queues to the path."""
        if self._queues == 1:
            (source,) = queues
        else:
            source = TxTurns(self._queues)
            m.submodules.turns = ResetInserter(self.reset)(source)
            for queue, turns in zip(queues, source.sources, strict=True):
                for name in ("pieces", "segments", "sums"):
                    wiring.connect(m, getattr(queue, name), getattr(turns, name))
                m.d.comb += [
                    turns.holds.eq(queue.holds),
                    turns.ends.eq(queue.ends),
                    turns.whole.eq(queue.segmented),
                    turns.failed.eq(queue.segmentation_failed),
                ]
            m.d.comb += path.queue.eq(source.queue)
        for name in ("pieces", "segments", "sums"):
            wiring.connect(m, getattr(source, name), getattr(path, name))
        m.d.comb += [getattr(self, name).eq(getattr(source, name)) for name in ("segmented", "segmentation_failed")]

    def _delay(self, m, queues, timer):
        """TXDW: at once, or for descriptors with IDE by the timers."""
        reported = [
            queue.retired & (queue.retired_report.report | queue.retired_report.report_sent) for queue in queues
        ]
        delayed = [queue.retired_report.delay for queue in queues]
        m.d.comb += [
            self.reported.eq(Cat(reported)),
            timer.delay.eq(self.tidv.IDV),
            timer.absolute.eq(self.tadv.IDV),
            timer.event.eq(Cat(r & d for r, d in zip(reported, delayed, strict=True)).any() & ~self.by_vectors),
            timer.flush.eq(Cat(r & ~d for r, d in zip(reported, delayed, strict=True)).any() & ~self.by_vectors),
            self.txdw.eq(timer.fires),
        ]
