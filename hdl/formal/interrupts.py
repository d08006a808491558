"""No interrupt is lost: a cause that arises while enabled keeps the line high until it is acknowledged or masked."""

from amaranth.hdl import Assert, Assume, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hdl.formal.proof import Proof, environment, hold
from hdl.nic import regmap
from hdl.nic.interrupts import Interrupts
from hdl.nic.registers import layout


class InterruptsProof(wiring.Component):
    """Follows one cause, any of them, without moderation (ITR 0)."""

    causes: In(layout(regmap.ICR))
    read_icr: In(1)
    write: In(3)  # 1 to 4: ICR, ICS, IMS, IMC
    write_data: In(32)
    iame: In(1)
    iam: In(32)
    bit: In(5)

    def elaborate(self, platform):
        m = environment()
        hold(m, self.bit)
        m.submodules.interrupts = block = Interrupts()
        m.d.comb += [
            block.causes.eq(self.causes),
            block.icr.read.eq(self.read_icr),
            block.write_data.eq(self.write_data),
            block.ctrl_ext.IAME.eq(self.iame),
            block.iam.eq(self.iam),
        ]
        for number, port in enumerate((block.icr, block.ics, block.ims, block.imc), 1):
            m.d.comb += port.write.eq(self.write == number)

        def bit(value):
            return Value.cast(value).bit_select(self.bit, 1)

        writable = bit(regmap.ICR.writable)
        written = bit(self.write_data) & writable
        pending, enabled = Signal(), Signal()
        arises = bit(self.causes.as_value()) | (block.ics.write & written)
        acknowledged = block.icr.read | (block.icr.write & written)
        automatic = (block.icr.read | block.icr.write) & self.iame & bit(self.iam)
        masked = (block.imc.write & written) | automatic
        m.d.comb += Assume(writable)
        m.d.sync += [
            pending.eq(arises | (pending & ~acknowledged)),
            enabled.eq((block.ims.write & written) | (enabled & ~masked)),
        ]
        with m.If(pending & enabled):
            m.d.comb += Assert(block.irq)
        m.d.comb += [
            Assert(bit(block.icr.value) == pending),
            Assert(bit(block.ims.value) == enabled),
            Assert(Mux((block.icr.value & block.ims.value).any(), 1, 0) == block.irq),
        ]
        return m


PROOF = Proof(
    name="interrupts",
    claim="a cause that arises while enabled drives the line until it is acknowledged or masked",
    design=InterruptsProof,
    bounded=12,
    induction=3,
)
