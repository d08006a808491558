"""Address filter: which frames are for this station, but for the multicast table (SDM 3.1, 13.4.22, 13.5).

An entry of the receive address table whose RAH.AS asks for a comparison with the source address never matches: the
table is compared with destinations only.
"""

from amaranth.hdl import Cat, Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.registers import layout

#: Value of RAH.AS that asks for a comparison with the destination address.
_DESTINATION = 0


class RxFilter(wiring.Component):
    """Combinational.

    Attributes:
        destination: destination address, first byte on the wire in bits 7 to 0.
        rctl, ral, rah: the registers.
        multicast: the destination is a group address, but not broadcast.
        broadcast: the destination is the broadcast address.
        station: the destination is in the table.
        exact: the frame is for this station: its destination is in the table, or it is a broadcast that is accepted.
        promiscuous: a mode accepts it, whoever it is for.
    """

    destination: In(48)
    rctl: In(layout(regmap.RCTL))
    ral: In(data.ArrayLayout(layout(regmap.RAL), regmap.RAL.count))
    rah: In(data.ArrayLayout(layout(regmap.RAH), regmap.RAH.count))
    multicast: Out(1)
    broadcast: Out(1)
    station: Out(1)
    exact: Out(1)
    promiscuous: Out(1)

    def elaborate(self, platform):
        m = Module()
        group = self.destination[0]
        matches = [
            (Cat(low.ADDRESS, high.ADDRESS) == self.destination) & high.AV & (high.AS == _DESTINATION)
            for low, high in zip(self.ral, self.rah, strict=True)
        ]
        m.d.comb += [
            self.broadcast.eq(self.destination.all()),
            self.multicast.eq(group & ~self.broadcast),
            self.station.eq(Cat(matches).any()),
            self.exact.eq(self.station | (self.rctl.BAM & self.broadcast)),
            self.promiscuous.eq((self.rctl.UPE & ~group) | (self.rctl.MPE & group)),
        ]
        return m
