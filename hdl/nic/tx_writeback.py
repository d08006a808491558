"""Write-back of transmit descriptors, and the order of things (SDM 3.4.2, 3.4.3).

Descriptors are retired in the order of the ring, one with RS when the response says that its write-back is in memory,
one without when all before it are retired; then the head moves. Only the byte with the status is written. Write-backs
are not put off until there are several (TXDCTL.WTHRESH): nothing is won by that.

A descriptor with RPS is written back when every frame that was whole by then has left, its own among them.
"""

from amaranth.hdl import Assert, Module, Mux, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.dma_writes import WRITE_BYTES, DmaWrite
from hdl.nic.layouts import TxDescriptor
from hdl.nic.rx_descriptors import DESCRIPTOR_BYTES, Ring
from hdl.nic.tx_piece import TxReport

#: Descriptors that may have been begun and not be retired.
DESCRIPTORS = 64

#: Bits of a count of frames; a FIFO and what follows it hold fewer than half as many.
FRAME_COUNT_BITS = 10

_STATUS_BYTE = TxDescriptor.as_shape()["status"].offset // 8
_DD = TxDescriptor.const({"status": {"DD": 1}}).as_bits() >> 8 * _STATUS_BYTE


class TxWriteBack(wiring.Component):
    """See the module's docstring.

    Parameters:
        several: it is that of one of several queues, whose frames are counted together.

    Attributes:
        run: while low, descriptors are forgotten, and responses are swallowed.
        ring: where the descriptors are; may change only while ``run`` is low.
        head: index of the first descriptor when ``run`` goes high.
        done, report: pulse, a descriptor's data is here; at most DESCRIPTORS that are not retired.
        ended: frames whose data is here, counted round; with ``done``, that which ends with the descriptor among them.
        left: those of them that have left.
        writes: write-backs.
        answered, failed: of the DMA port.
        retired: pulse, a descriptor is finished with.
        retired_report: with ``retired``: what the driver wanted to hear of it.
        idle: no write is under way.
        fault: pulse, a write-back failed: nothing is retired any more until ``run`` was low.
    """

    def __init__(self, *, several: bool = False):
        self._several = several
        super().__init__(
            {
                "run": In(1),
                "ring": In(Ring),
                "head": In(16),
                "done": In(1),
                "report": In(TxReport),
                "ended": In(FRAME_COUNT_BITS),
                "left": In(FRAME_COUNT_BITS),
                "writes": Out(stream.Signature(DmaWrite)),
                "answered": In(1),
                "failed": In(1),
                "retired": Out(1),
                "retired_report": Out(TxReport),
                "idle": Out(1),
                "fault": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        entry = data.StructLayout({"report": TxReport, "ended": FRAME_COUNT_BITS})
        m.submodules.entries = entries = memory.Memory(shape=entry, depth=DESCRIPTORS, init=[])
        write_port = entries.write_port()
        come, asked, gone = (Signal(range(2 * DESCRIPTORS), name=name) for name in ("come", "asked", "gone"))
        go_on = Signal()
        m.d.comb += [
            write_port.addr.eq(come),
            write_port.data.report.eq(self.report),
            write_port.data.ended.eq(self.ended),
            write_port.en.eq(self.done & self.run),
        ]
        self._ask(m, entries.read_port(domain="comb"), come, asked, go_on)
        self._retire(m, entries.read_port(domain="comb"), asked, gone)
        with m.If(~self.run):
            m.d.sync += [pointer.eq(0) for pointer in (come, asked, gone)]
        with m.Else():
            with m.If(self.done):
                m.d.sync += [come.eq(come + 1), Assert((come ^ gone) != DESCRIPTORS)]
            with m.If(go_on):
                m.d.sync += asked.eq(asked + 1)
            with m.If(self.retired):
                m.d.sync += gone.eq(gone + 1)
        return m

    def _ask(self, m, read_port, come, asked, go_on):
        """Asks for write-backs; ``go_on``: the next descriptor is one, or has one."""
        entry = read_port.data
        index = Signal(16)  # of the next descriptor in the ring
        reached = Signal()  # enough frames have left
        here = (come != asked) & self.run
        wanted = _is_reported(entry.report)
        # Other queues may send any number of frames while this one's write-backs wait: the counts come round, but are
        # the same when none is left.
        all_left = (self.left == self.ended) if self._several else 0
        m.d.comb += [
            read_port.addr.eq(asked),
            reached.eq(~entry.report.report_sent | ~(self.left - entry.ended)[FRAME_COUNT_BITS - 1] | all_left),
            self.writes.payload.address.eq(self.ring.base + index * DESCRIPTOR_BYTES + WRITE_BYTES),
            self.writes.payload.data.eq(_DD << 8 * (_STATUS_BYTE % WRITE_BYTES)),
            self.writes.payload.strobe.eq(1 << _STATUS_BYTE % WRITE_BYTES),
            self.writes.valid.eq(here & wanted & reached),
            go_on.eq(here & (~wanted | (reached & self.writes.ready))),
        ]
        with m.If(~self.run):
            m.d.sync += index.eq(self.head)
        with m.Elif(go_on):
            m.d.sync += index.eq(Mux(index + 1 == self.ring.size, 0, index + 1))

    def _retire(self, m, read_port, asked, gone):
        """Retires descriptors that have no write-back, or whose write-back is in memory."""
        entry = read_port.data
        under_way = Signal(range(DESCRIPTORS + 1))  # writes
        written = Signal(range(DESCRIPTORS + 1))  # and those that are in memory, of descriptors that are not retired
        failing = Signal()
        ask = self.writes.valid & self.writes.ready
        used = self.retired & _is_reported(entry.report)
        m.d.comb += [
            read_port.addr.eq(gone),
            self.retired.eq((asked != gone) & (~_is_reported(entry.report) | (written != 0)) & self.run & ~failing),
            self.retired_report.eq(entry.report),
            self.idle.eq(under_way == 0),
            self.fault.eq(self.answered & self.failed & self.run & ~failing),
        ]
        with m.If(ask ^ self.answered):
            m.d.sync += under_way.eq(Mux(ask, under_way + 1, under_way - 1))
        with m.If(~self.run):
            m.d.sync += [written.eq(0), failing.eq(0)]
        with m.Else():
            with m.If(self.answered ^ used):
                m.d.sync += written.eq(Mux(used, written - 1, written + 1))
            with m.If(self.fault):
                m.d.sync += failing.eq(1)


def _is_reported(report):
    return report.report | report.report_sent
