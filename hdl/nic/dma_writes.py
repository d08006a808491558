"""The write channels of a DMA port, shared by those who write a few bytes at a time: write-backs of descriptors.

Each write is a burst of one beat. The port has a single ID, so responses come in the order of the bursts; a queue says
whose they are.
"""

from amaranth.hdl import Assert, Cat, Module, Mux, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.axi import AxiWrite, AxiWriteResponse, Burst, Resp

#: Bursts that may be under way.
BURSTS = 64

#: Bytes that a write covers, aligned to as many.
WRITE_BYTES = 8


class DmaWrite(data.Struct):
    """A write within 8 bytes."""

    address: 64  # of the 8 bytes
    data: 64
    strobe: 8  # which of them are written


class DmaWrites(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of the port.
        writers: how many share it.

    Attributes:
        requests: writes, a stream for each writer; those of the first go first.
        answered: pulse, a write of this writer is in memory, or failed; one bit for each.
        failed: with ``answered``: it failed.
        axi, response: write channels.
        idle: no write is under way.
    """

    def __init__(self, data_width: int, writers: int):
        super().__init__(
            {
                "requests": In(stream.Signature(DmaWrite)).array(writers),
                "answered": Out(writers),
                "failed": Out(1),
                "axi": Out(AxiWrite(data_width)),
                "response": Out(AxiWriteResponse()),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        writers = range(len(self.requests))
        m.submodules.owners = owners = memory.Memory(shape=writers, depth=BURSTS, init=[])
        write_port, read_port = owners.write_port(), owners.read_port(domain="comb")
        write_pointer, read_pointer = Signal(range(BURSTS)), Signal(range(BURSTS))
        level = Signal(range(BURSTS + 1))
        write = Signal()
        answered = self.response.bvalid
        self._write(m, write, level, write_port)
        m.d.comb += [
            write_port.addr.eq(write_pointer),
            write_port.en.eq(write),
            read_port.addr.eq(read_pointer),
            self.response.bready.eq(1),
            self.answered.eq(Cat(answered & (read_port.data == writer) for writer in writers)),
            self.failed.eq(self.response.bresp != Resp.OKAY),
            self.idle.eq(level == 0),
        ]
        with m.If(write):
            m.d.sync += write_pointer.eq(write_pointer + 1)
        with m.If(answered):
            m.d.sync += [read_pointer.eq(read_pointer + 1), Assert(level != 0)]
        with m.If(write ^ answered):
            m.d.sync += level.eq(Mux(write, level + 1, level - 1))
        return m

    def _write(self, m, write, level, owner):
        """Both channels take the write at once, so that neither runs ahead."""
        axi = self.axi
        beat_bytes = len(axi.wstrb)
        chosen = Signal(DmaWrite)
        free = Signal()
        m.d.comb += [
            free.eq((level != BURSTS) & (~axi.awvalid | axi.awready) & (~axi.wvalid | axi.wready)),
            axi.awid.eq(0),
            axi.awlen.eq(0),
            axi.awsize.eq(beat_bytes.bit_length() - 1),
            axi.awburst.eq(Burst.INCR),
            axi.wlast.eq(1),
        ]
        for writer, requests in reversed(list(enumerate(self.requests))):
            earlier = [other.valid for other in self.requests[:writer]]
            m.d.comb += requests.ready.eq(free & ~Cat(earlier).any())
            with m.If(requests.valid):
                m.d.comb += [chosen.eq(requests.payload), owner.data.eq(writer), write.eq(free)]
        with m.If(axi.awready):
            m.d.sync += axi.awvalid.eq(0)
        with m.If(axi.wready):
            m.d.sync += axi.wvalid.eq(0)
        with m.If(write):
            m.d.sync += [
                axi.awvalid.eq(1),
                axi.awaddr.eq(chosen.address - chosen.address % beat_bytes),
                axi.wvalid.eq(1),
                axi.wdata.eq(chosen.data.replicate(beat_bytes // WRITE_BYTES)),
                axi.wstrb.eq(chosen.strobe << (chosen.address % beat_bytes)),
            ]
