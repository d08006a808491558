"""Multicast hash filter: a bit of MTA for each of 4,096 hashes of destination addresses (SDM 13.4.22, 13.5.1)."""

from amaranth.hdl import Array, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.registers import TablePort, layout

#: Lowest bit of the destination that belongs to the hash, by RCTL.MO; its first byte on the wire is in bits 7 to 0.
_LOWEST_BIT = (36, 35, 34, 32)

_HASH_BITS = 12


class RxMulticast(wiring.Component):
    """The answer stands one clock after the question, until the next one.

    Attributes:
        valid, destination: a frame's destination address.
        rctl: the register.
        mta: the table.
        hit: the address is a group address whose bit is set.
    """

    valid: In(1)
    destination: In(48)
    rctl: In(layout(regmap.RCTL))
    mta: Out(TablePort(regmap.MTA))
    hit: Out(1)

    def elaborate(self, platform):
        m = Module()
        address_hash = Signal(_HASH_BITS)
        bit = Signal(range(regmap.REGISTER_BITS))
        group = Signal()
        hashes = Array(self.destination[lowest : lowest + _HASH_BITS] for lowest in _LOWEST_BIT)
        m.d.comb += [
            address_hash.eq(hashes[self.rctl.MO]),
            self.mta.index.eq(address_hash[len(bit) :]),
            self.mta.read.eq(self.valid & self.destination[0]),
            self.hit.eq(group & self.mta.value.bit_select(bit, 1)),
        ]
        with m.If(self.valid):
            m.d.sync += [bit.eq(address_hash), group.eq(self.destination[0])]
        return m
