"""MAC control frames: those that the host does not get, by RCTL.DPF and RCTL.PMCF (SDM 13.4.22; IEEE 802.3, 31A, 31B).

Such a frame has the type 0x8808 and is for the MAC: its destination is the address that 802.3 reserves for that, or one
in the receive address table. What a pause frame asks for is the business of the MAC, which sees it too.
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.registers import layout

#: Destination 01-80-C2-00-00-01, its first byte in bits 7 to 0.
RESERVED_ADDRESS = 0x010000_C28001

#: Bytes 12 and 13 of such a frame, 12 in bits 7 to 0.
_TYPE = 0x0888

#: Bytes 14 and 15 of a pause frame: opcode 1.
_PAUSE = 0x0100


class RxControlFrames(wiring.Component):
    """The answer stands one clock after the question, until the next one.

    Attributes:
        begin: a frame begins; ``destination`` and ``station``, whether that is in the table, are its own.
        valid, bytes: bytes 12 to 15 of the frame, 12 in bits 7 to 0; may come with ``begin``.
        rctl: the register.
        discard: the host does not get it.
    """

    begin: In(1)
    destination: In(48)
    station: In(1)
    valid: In(1)
    bytes: In(32)
    rctl: In(layout(regmap.RCTL))
    discard: Out(1)

    def elaborate(self, platform):
        m = Module()
        for_mac, before = Signal(), Signal()
        m.d.comb += for_mac.eq(before)
        with m.If(self.begin):
            m.d.comb += for_mac.eq(self.station | (self.destination == RESERVED_ADDRESS))
            m.d.sync += before.eq(for_mac)
        control, pause = self.bytes[:16] == _TYPE, self.bytes[16:] == _PAUSE
        unwanted = (pause & self.rctl.DPF) | (~pause & ~self.rctl.PMCF)
        with m.If(self.begin | self.valid):
            m.d.sync += self.discard.eq(self.valid & control & for_mac & unwanted)
        return m
