"""AXI4-Lite slave: turns transactions into single-cycle register accesses."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.axi import AxiLite, Resp
from hdl.nic.regmap import BAR_BYTES

#: Bits of a byte address inside the BAR.
ADDRESS_WIDTH = (BAR_BYTES - 1).bit_length()

#: Bits of the number of a 32-bit register inside the BAR.
WORD_WIDTH = ADDRESS_WIDTH - 2


class Access(wiring.Signature):
    """One register access per clock and direction; a read's data is due in the same cycle.

    A read is ``asked`` for until it is ``ready``; then it is done in that cycle, ``read``.
    """

    def __init__(self):
        super().__init__(
            {
                "write": Out(1),
                "write_word": Out(WORD_WIDTH),
                "write_data": Out(32),
                "write_mask": Out(32),
                "asked": Out(1),
                "ready": In(1),
                "read": Out(1),
                "read_word": Out(WORD_WIDTH),
                "read_data": In(32),
            }
        )


class AxiLiteSlave(wiring.Component):
    """Does a write in the cycle in which address and data are both there, a read when it is ready.

    Attributes:
        bus: the port to the outside.
        access: register accesses.
        hold: no access starts while it is high.
    """

    bus: In(AxiLite(ADDRESS_WIDTH))
    access: Out(Access())
    hold: In(1)

    def elaborate(self, platform):
        m = Module()
        bus, access = self.bus, self.access

        m.d.comb += [
            access.write.eq(bus.awvalid & bus.wvalid & (~bus.bvalid | bus.bready) & ~self.hold),
            access.write_word.eq(bus.awaddr[2:]),
            access.write_data.eq(bus.wdata),
            *(access.write_mask.word_select(i, 8).eq(bus.wstrb[i].replicate(8)) for i in range(4)),
            bus.awready.eq(access.write),
            bus.wready.eq(access.write),
            bus.bresp.eq(Resp.OKAY),
        ]
        with m.If(access.write | bus.bready):
            m.d.sync += bus.bvalid.eq(access.write)

        m.d.comb += [
            access.asked.eq(bus.arvalid & (~bus.rvalid | bus.rready) & ~self.hold),
            access.read.eq(access.asked & access.ready),
            access.read_word.eq(bus.araddr[2:]),
            bus.arready.eq(access.read),
            bus.rresp.eq(Resp.OKAY),
        ]
        with m.If(access.read | bus.rready):
            m.d.sync += bus.rvalid.eq(access.read)
        with m.If(access.read):
            m.d.sync += bus.rdata.eq(access.read_data)
        return m
