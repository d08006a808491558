"""Receive queue: from committed frames in the FIFO to descriptors in host memory (SDM 3.2).

RDH, RDBAL, RDBAH and RDLEN take effect while the queue is stopped. It stops when

- RCTL.EN is cleared and the frame that has begun is in memory; frames still in the FIFO stay there;
- RCTL.EN is clear and one of those registers is changed: the frame that has begun is dropped;
- the device is reset.

Then prefetched descriptors are forgotten. AXI bursts that have started are always finished; once the queue is stopped
their beats write nothing. It starts when RCTL.EN is set and nothing is under way on the DMA port any more. While
RCTL.EN is set, writes of RDH are swallowed and those of the others wait.

An error response on the DMA port halts the queue until CTRL.RST: no new burst starts.
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.axi import Axi, connect_part
from hdl.nic.registers import RegisterPort, layout
from hdl.nic.rx_descriptors import DESCRIPTOR_BYTES, Ring, RxDescriptors
from hdl.nic.rx_fifo import RxFrame
from hdl.nic.rx_segments import RxSegments
from hdl.nic.rx_writeback import RxWriteBack
from hdl.nic.rx_writer import RxWriter

#: Descriptors in a unit of RDLEN.LEN.
_RDLEN_DESCRIPTORS = 128 // DESCRIPTOR_BYTES


class RxQueue(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of the DMA port.

    Attributes:
        reset: device reset, a pulse.
        rctl, rdbal, rdbah, rdlen, rdt, rdh: the registers.
        write_data: data of a write to RDH.
        beats, frames, drop: of the FIFO.
        axi: DMA port.
        no_buffer: every descriptor has been taken.
        rxt0: pulse, a frame is in memory and its last descriptor is written back.
        rxdmt0: pulse, the free part of the ring has shrunk to the threshold of RCTL.RDMTS.
    """

    def __init__(self, data_width: int):
        self._data_width = data_width
        super().__init__(
            {
                "reset": In(1),
                "rctl": In(layout(regmap.RCTL)),
                "rdbal": In(data.ArrayLayout(layout(regmap.RDBAL), 1)),
                "rdbah": In(data.ArrayLayout(layout(regmap.RDBAH), 1)),
                "rdlen": In(data.ArrayLayout(layout(regmap.RDLEN), 1)),
                "rdt": In(data.ArrayLayout(layout(regmap.RDT), 1)),
                "rdh": In(RegisterPort()).array(1),
                "write_data": In(32),
                "beats": In(stream.Signature(data_width)),
                "frames": In(stream.Signature(RxFrame)),
                "drop": Out(1),
                "axi": Out(Axi(data_width)),
                "no_buffer": Out(1),
                "rxt0": Out(1),
                "rxdmt0": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.descriptors = descriptors = RxDescriptors(self._data_width)
        m.submodules.segments = segments = RxSegments()
        m.submodules.writer = writer = RxWriter(self._data_width)
        m.submodules.writeback = writeback = RxWriteBack()
        running, faulted = Signal(), Signal()
        ring = Signal(Ring)
        head = Signal(16)

        for part in (descriptors.axi, writer.axi, writeback.response):
            connect_part(m, part, self.axi)
        wiring.connect(m, wiring.flipped(self.frames), segments.frames)
        wiring.connect(m, wiring.flipped(self.beats), writer.beats)
        wiring.connect(m, descriptors.buffers, segments.buffers)
        wiring.connect(m, writeback.writebacks, writer.writebacks)
        m.d.comb += [
            # A segment goes to the writer and into the write-back's list at once.
            writer.segments.payload.eq(segments.segments.payload),
            writer.segments.valid.eq(segments.segments.valid & writeback.segment_room),
            segments.segments.ready.eq(writer.segments.ready & writeback.segment_room),
            writeback.segment_valid.eq(writer.segments.valid & writer.segments.ready),
            writeback.segment.eq(segments.segments.payload),
            writeback.started_valid.eq(writer.started_valid),
            writeback.started.eq(writer.started),
            writer.hold.eq(~writeback.burst_room | faulted),
            *(block.run.eq(running) for block in (descriptors, segments, writer, writeback)),
            *(block.ring.eq(ring) for block in (descriptors, writeback)),
            *(block.head.eq(head) for block in (descriptors, writeback)),
            descriptors.tail.eq(self.rdt[0].RDT),
            segments.enable.eq(self.rctl.EN),
            segments.rctl.eq(self.rctl),
            self.drop.eq(~running),
            self.no_buffer.eq(descriptors.exhausted),
        ]

        with m.If(self.reset):
            m.d.sync += faulted.eq(0)
        with m.Elif(descriptors.fault | writeback.fault):
            m.d.sync += faulted.eq(1)

        port_idle = descriptors.idle & writer.idle & writeback.idle
        frame_done = segments.idle & writer.idle & writeback.empty
        self._start_and_stop(m, running, ring, port_idle, frame_done)
        self._move_head(m, head, ring, writeback)
        return m

    def _start_and_stop(self, m, running, ring, port_idle, frame_done):
        wanted = Signal(Ring)
        m.d.comb += [
            wanted.base.eq(Cat(self.rdbal[0], self.rdbah[0])),
            wanted.size.eq(self.rdlen[0].LEN * _RDLEN_DESCRIPTORS),
        ]
        initialised = self.rdh[0].write | (wanted.as_value() != ring.as_value())
        with m.If(running):
            with m.If(self.reset | (~self.rctl.EN & (frame_done | initialised))):
                m.d.sync += running.eq(0)
        with m.Else():
            m.d.sync += [ring.eq(wanted), running.eq(self.rctl.EN & port_idle & ~self.reset)]

    def _move_head(self, m, head, ring, writeback):
        """RDH, and the causes that its moving has."""
        next_head = Signal(16)
        free = Signal(16)
        tail = self.rdt[0].RDT
        m.d.comb += [
            next_head.eq(Mux(head + 1 == ring.size, 0, head + 1)),
            free.eq(tail - next_head + Mux(tail >= next_head, 0, ring.size)),
            self.rdh[0].value.eq(head),
            self.rxt0.eq(writeback.done & writeback.done_eop),
            self.rxdmt0.eq(writeback.done & (free == ring.size >> (1 + self.rctl.RDMTS))),
        ]
        with m.If(self.reset):
            m.d.sync += head.eq(0)
        with m.Elif(self.rdh[0].write & ~self.rctl.EN):
            m.d.sync += head.eq(self.write_data)
        with m.Elif(writeback.done):
            m.d.sync += head.eq(next_head)
