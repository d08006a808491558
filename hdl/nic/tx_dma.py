"""Transmission from the registers to the stream: the queue, the path that its frames take, and the DMA port of both."""

from amaranth.hdl import Cat, Module, ResetInserter
from amaranth.lib import wiring
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

_REGISTERS = regmap.CTRL, regmap.VET, regmap.TCTL, regmap.TIDV, regmap.TADV


class TxDma(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of the DMA port and of the stream.
        fifo_bytes: size of the transmit FIFO.

    Attributes:
        reset: device reset, a pulse.
        link_up: STATUS.LU.
        ctrl, vet, tctl, tidv, tadv, tdbal, tdbah, tdlen, tdt, txdctl, tdh: the registers.
        write_data: data of a write to TDH.
        axi: DMA port.
        stream: frames with their FCS.
        txdw, txqe, txd_low, fault: pulses, causes of interrupts.
        segmented, segmentation_failed: pulse, a packet that is segmented is over, as TSCTC and TSCTFC count it.
        whole: pulse, a frame is whole in the FIFO and is going to be sent.
        summary_valid, summary: pulse, a frame has left.
    """

    def __init__(self, data_width: int, fifo_bytes: int):
        self._data_width, self._fifo_bytes = data_width, fifo_bytes
        queue_registers = regmap.TDBAL, regmap.TDBAH, regmap.TDLEN, regmap.TDT, regmap.TXDCTL
        super().__init__(
            {
                "reset": In(1),
                "link_up": In(1),
                **{r.__name__.lower(): In(layout(r)) for r in _REGISTERS},
                **{r.__name__.lower(): In(layout(r)) for r in queue_registers},
                "tdh": In(RegisterPort()),
                "write_data": In(32),
                "axi": Out(Axi(data_width)),
                "stream": Out(AxiStream(data_width)),
                "txdw": Out(1),
                "txqe": Out(1),
                "txd_low": Out(1),
                "fault": Out(1),
                "segmented": Out(1),
                "segmentation_failed": Out(1),
                "whole": Out(1),
                "summary_valid": Out(1),
                "summary": Out(TxSummary),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = TxQueue(self._data_width)
        m.submodules.path = path = TxPath(self._data_width, self._fifo_bytes)
        m.submodules.reads = reads = DmaReads(self._data_width, 2)
        m.submodules.writes = writes = DmaWrites(self._data_width, 1)
        timer = DelayTimer()
        m.submodules.timer = ResetInserter(self.reset)(timer)

        for part in (reads.axi, writes.axi, writes.response):
            connect_part(m, part, self.axi)
        wiring.connect(m, queue.requests, reads.requests[0])
        wiring.connect(m, path.requests, reads.requests[1])
        wiring.connect(m, queue.writes, writes.requests[0])
        for name in ("pieces", "segments", "sums"):
            wiring.connect(m, getattr(queue, name), getattr(path, name))
        wiring.connect(m, path.stream, wiring.flipped(self.stream))
        wiring.connect(m, wiring.flipped(self.tdh), queue.tdh)
        for block in (queue, path):
            m.d.comb += [
                block.reset.eq(self.reset),
                block.tctl.eq(self.tctl),
                block.beat.eq(reads.beat),
            ]
        m.d.comb += [
            *(
                getattr(queue, n).eq(getattr(self, n))
                for n in ("tdbal", "tdbah", "tdlen", "tdt", "txdctl", "write_data")
            ),
            *(getattr(queue, name).eq(getattr(path, name)) for name in ("done", "report", "ended", "left")),
            Cat(queue.beat_valid, path.beat_valid).eq(reads.beat_valid),
            reads.beat_ready.eq(Cat(1, path.beat_ready)),
            path.tag_frames.eq(self.ctrl.VME),
            path.tag_ethertype.eq(self.vet.VET),
            queue.link_up.eq(self.link_up),
            queue.answered.eq(writes.answered),
            queue.failed.eq(writes.failed),
            queue.path_fault.eq(path.fault),
            queue.path_idle.eq(path.idle),
            *(getattr(self, name).eq(getattr(queue, name)) for name in ("txqe", "txd_low", "fault")),
            *(getattr(self, name).eq(getattr(queue, name)) for name in ("segmented", "segmentation_failed")),
            *(getattr(self, name).eq(getattr(path, name)) for name in ("whole", "summary_valid", "summary")),
        ]
        self._delay(m, queue, timer)
        return m

    def _delay(self, m, queue, timer):
        """TXDW: at once, or for descriptors with IDE by the timers."""
        report = queue.retired_report
        reported = queue.retired & (report.report | report.report_sent)
        m.d.comb += [
            timer.delay.eq(self.tidv.IDV),
            timer.absolute.eq(self.tadv.IDV),
            timer.event.eq(reported & report.delay),
            timer.flush.eq(reported & ~report.delay),
            self.txdw.eq(timer.fires),
        ]
