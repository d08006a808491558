"""Several readers on the read channels of one DMA port.

Whoever asks is served in turn, burst by burst. The port has a single ID, so data comes in the order of the bursts; a
queue says whose each of them is. The readers take data at any time.
"""

from amaranth.hdl import Assert, Cat, Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.axi import AxiRead

#: Bursts that may be under way.
BURSTS = 16


class AxiReadArbiter(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of the DMA port.
        count: readers.

    Attributes:
        sources: of the readers.
        axi: the port.
    """

    def __init__(self, data_width: int, count: int):
        super().__init__({"sources": In(AxiRead(data_width)).array(count), "axi": Out(AxiRead(data_width))})

    def elaborate(self, platform):
        m = Module()
        axi, count = self.axi, len(self.sources)
        m.submodules.owners = owners = memory.Memory(shape=range(count), depth=BURSTS, init=[])
        write_port, read_port = owners.write_port(), owners.read_port(domain="comb")
        write_pointer, read_pointer = Signal(range(BURSTS)), Signal(range(BURSTS))
        level = Signal(range(BURSTS + 1))
        last, chosen = Signal(range(count)), Signal(range(count))  # who was served last, and who is served next
        take, over = Signal(), Signal()

        asking = [source.arvalid for source in self.sources]
        m.d.comb += chosen.eq(last)
        with m.Switch(last):
            for before in range(count):
                with m.Case(before):
                    for distance in reversed(range(1, count)):
                        number = (before + distance) % count
                        with m.If(asking[number]):
                            m.d.comb += chosen.eq(number)
        m.d.comb += [
            take.eq(Cat(asking).any() & (level != BURSTS) & (~axi.arvalid | axi.arready)),
            over.eq(axi.rvalid & axi.rlast),
            axi.rready.eq(1),
            write_port.addr.eq(write_pointer),
            write_port.data.eq(chosen),
            write_port.en.eq(take),
            read_port.addr.eq(read_pointer),
        ]
        with m.If(axi.arready):
            m.d.sync += axi.arvalid.eq(0)
        with m.Switch(chosen):
            for number, source in enumerate(self.sources):
                with m.Case(number):
                    m.d.comb += source.arready.eq(take)
                    with m.If(take):
                        m.d.sync += [
                            axi.arvalid.eq(1),
                            *(getattr(axi, n).eq(getattr(source, n)) for n in ("araddr", "arlen", "arsize", "arburst")),
                            last.eq(number),
                            write_pointer.eq(write_pointer + 1),
                        ]
        with m.If(over):
            m.d.sync += [read_pointer.eq(read_pointer + 1), Assert(level != 0)]
        with m.If(take ^ over):
            m.d.sync += level.eq(level + take - over)
        for number, source in enumerate(self.sources):
            m.d.comb += [
                source.rvalid.eq(axi.rvalid & (read_port.data == number)),
                source.rdata.eq(axi.rdata),
                source.rresp.eq(axi.rresp),
                source.rlast.eq(axi.rlast),
            ]
        return m
