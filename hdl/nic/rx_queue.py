"""A receive queue: its ring of descriptors, which of them are the hardware's, and when it takes frames (SDM 3.2).

RDH, RDBAL, RDBAH and RDLEN take effect while the queue is stopped. It is stopped while reception is
(hdl/nic/rx_dma.py), and with several queues also by its own RXDCTL.ENABLE: the frame that has begun to go out is
finished if there are descriptors for it, else the rest of it is dropped. Then prefetched descriptors are forgotten.
Writes of RDH are swallowed while RCTL.EN is set, with several queues only while the queue runs; those of the others
wait.
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.axi import AxiRead
from hdl.nic.registers import RegisterPort, layout
from hdl.nic.rx_descriptors import DESCRIPTOR_BYTES, Buffer, Ring, RxDescriptors

#: Descriptors in a unit of RDLEN.LEN.
_RDLEN_DESCRIPTORS = 128 // DESCRIPTOR_BYTES


class RxQueue(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of the DMA port.
        several: it is one of several queues, each of which is switched on and off for itself.

    Attributes:
        reset: device reset, a pulse.
        receiving: reception runs.
        halted: an error response halted it: no more descriptors are read.
        enable: RXDCTL.ENABLE; only if it is one of several.
        begun: a frame for it has begun to go out; only if it is one of several.
        rctl, rdbal, rdbah, rdlen, rdt, rdh: the registers.
        write_data: data of a write to RDH.
        axi: read channels of the DMA port.
        buffers: buffers for frames, in the order of the ring.
        done: pulse, a descriptor is written back.
        skipped: pulse, a descriptor is not going to be; only if it is one of several.
        base: address of the ring.
        running: frames may go to it.
        initialised: pulse, RDH is written, or level, another register says something else than the queue goes by.
        exhausted: every descriptor has been taken.
        idle: no descriptors are being read.
        rxdmt0: pulse, the free part of the ring has shrunk to the threshold of RCTL.RDMTS.
        fault: pulse, a read was answered with an error.
    """

    def __init__(self, data_width: int, *, several: bool):
        self._data_width = data_width
        self._several = several
        super().__init__(
            {
                "reset": In(1),
                "receiving": In(1),
                "halted": In(1),
                "enable": In(1),
                "begun": In(1),
                "rctl": In(layout(regmap.RCTL)),
                "rdbal": In(layout(regmap.RDBAL)),
                "rdbah": In(layout(regmap.RDBAH)),
                "rdlen": In(layout(regmap.RDLEN)),
                "rdt": In(layout(regmap.RDT)),
                "rdh": In(RegisterPort()),
                "write_data": In(32),
                "axi": Out(AxiRead(data_width)),
                "buffers": Out(stream.Signature(Buffer)),
                "done": In(1),
                "skipped": In(1),
                "base": Out(64),
                "running": Out(1),
                "initialised": Out(1),
                "exhausted": Out(1),
                "idle": Out(1),
                "rxdmt0": Out(1),
                "fault": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.descriptors = descriptors = RxDescriptors(self._data_width)
        ring, wanted = Signal(Ring), Signal(Ring)
        head = Signal(16)
        wiring.connect(m, descriptors.axi, wiring.flipped(self.axi))
        wiring.connect(m, descriptors.buffers, wiring.flipped(self.buffers))
        m.d.comb += [
            wanted.base.eq(Cat(self.rdbal, self.rdbah)),
            wanted.size.eq(self.rdlen.LEN * _RDLEN_DESCRIPTORS),
            self.initialised.eq(self.rdh.write | (wanted.as_value() != ring.as_value())),
            descriptors.ring.eq(ring),
            descriptors.head.eq(head),
            descriptors.tail.eq(self.rdt.RDT),
            descriptors.run.eq(self.running),
            descriptors.hold.eq(self.halted),
            self.base.eq(ring.base),
            self.exhausted.eq(descriptors.exhausted),
            self.idle.eq(descriptors.idle),
            self.fault.eq(descriptors.fault),
            self.running.eq(self.receiving & self._switched_on(m)),
        ]
        with m.If(~self.running):
            m.d.sync += ring.eq(wanted)
        self._move_head(m, head, ring)
        return m

    def _switched_on(self, m):
        """Whether its own switch lets it run: it goes off when its frames are in memory, and on when reads are over."""
        if not self._several:
            return 1
        on = Signal()
        open_buffers = Signal(8)  # taken, and not written back
        taken = self.buffers.valid & self.buffers.ready
        with m.If(~self.receiving):
            m.d.sync += [on.eq(self.enable), open_buffers.eq(0)]
        with m.Else():
            m.d.sync += open_buffers.eq(open_buffers + taken - self.done - self.skipped)
            with m.If(on & ~self.enable & ~self.begun & (open_buffers == 0) & ~taken):
                m.d.sync += on.eq(0)
            with m.Elif(self.enable & self.idle):
                m.d.sync += on.eq(1)
        return on

    def _move_head(self, m, head, ring):
        """RDH, and the cause that its moving has."""
        next_head = Signal(16)
        free = Signal(16)  # once the descriptor that is done has left
        free_now, moved = Signal(16), Signal()  # a clock later, and that it is new
        tail = self.rdt.RDT
        writable = ~self.rctl.EN | ~self.running if self._several else ~self.rctl.EN
        m.d.comb += [
            next_head.eq(Mux(head + 1 == ring.size, 0, head + 1)),
            free.eq(tail - next_head + Mux(tail >= next_head, 0, ring.size)),
            self.rdh.value.eq(head),
        ]
        m.d.sync += [free_now.eq(free), moved.eq(self.done & ~self.reset)]
        m.d.comb += self.rxdmt0.eq(moved & (free_now == ring.size >> (1 + self.rctl.RDMTS)))
        with m.If(self.reset):
            m.d.sync += head.eq(0)
        with m.Elif(self.rdh.write & writable):
            m.d.sync += head.eq(self.write_data)
        with m.Elif(self.done):
            m.d.sync += head.eq(next_head)
