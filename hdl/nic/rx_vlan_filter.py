"""802.1Q tags: which frames have one, and whether VFTA lets them pass (SDM 9.3, 13.4.22, 13.5.3).

A frame of fewer than 16 bytes, FCS included, has none.
"""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.registers import TablePort, layout


class Tag(data.Struct):
    """Tag control information (IEEE 802.1Q, 9.6)."""

    VID: 12  # VLAN
    CFI: 1  # canonical format indicator
    PCP: 3  # priority


class RxVlanFilter(wiring.Component):
    """The answer stands one clock after the question, until the next one.

    Attributes:
        begin: a frame begins: as long as nothing else is known, it has no tag.
        valid, bytes: bytes 12 to 15 of a frame, 12 in bits 7 to 0; may come with ``begin``.
        rctl, vet: the registers.
        vfta: the table.
        tagged: the frame has a tag.
        tag: which.
        passed: it has none, or the filter is off, or lets it pass.
    """

    begin: In(1)
    valid: In(1)
    bytes: In(32)
    rctl: In(layout(regmap.RCTL))
    vet: In(layout(regmap.VET))
    vfta: Out(TablePort(regmap.VFTA))
    tagged: Out(1)
    tag: Out(Tag)
    passed: Out(1)

    def elaborate(self, platform):
        m = Module()
        tagged, tag = Signal(), Signal(Tag)
        filtering, right_cfi = Signal(), Signal()
        vid = self.tag.VID
        m.d.comb += [
            tagged.eq(self.valid & (Cat(self.bytes[8:16], self.bytes[:8]) == self.vet.VET)),
            tag.eq(Cat(self.bytes[24:], self.bytes[16:24])),
            self.vfta.index.eq(tag.VID[5:]),
            self.vfta.read.eq(tagged & self.rctl.VFE),
            self.passed.eq(~filtering | (right_cfi & self.vfta.value.bit_select(vid[:5], 1))),
        ]
        with m.If(self.begin | self.valid):
            m.d.sync += [self.tagged.eq(tagged), filtering.eq(tagged & self.rctl.VFE)]
        with m.If(tagged):
            m.d.sync += [self.tag.eq(tag), right_cfi.eq(~self.rctl.CFIEN | (tag.CFI == self.rctl.CFI))]
        return m
