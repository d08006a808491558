"""The NIC with its MAC: a network controller between a host and a gigabit PHY.

Clocks: ``clk`` of the NIC and the host side, ``gtx_clk`` (125 MHz) of the transmit pins, ``rx_clk`` (125 MHz from the
PHY) of the receive pins; none has to know of the others. ``rst`` resets all three domains.
"""

from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.wiring import In, Out

from hdl.nic.mac.gmii import Gmii
from hdl.nic.mac.mac import Mac
from hdl.nic.nic import Nic

#: Ports of the NIC that end at the MAC.
_INNER = ("s_axis_rx", "m_axis_tx", "tx_gap_bytes", "mac")


class GmiiNic(wiring.Component):
    """See the module's docstring.

    Parameters:
        parameters: of :class:`hdl.nic.nic.Nic`; the DMA ports are 64 bits wide.

    Attributes:
        gmii: the pins, but for the clocks.
        gtx_clk, rx_clk: the clocks of the pins.

    The other ports are those of :class:`hdl.nic.nic.Nic`.
    """

    def __init__(self, **parameters: int):
        self._nic = Nic(**parameters)
        ports = {name: member for name, member in self._nic.signature.members.items() if name not in _INNER}
        super().__init__({**ports, "gmii": Out(Gmii()), "gtx_clk": In(1), "rx_clk": In(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.nic = nic = self._nic
        m.submodules.mac = mac = Mac()
        for name in nic.signature.members:
            if name not in _INNER:
                _pass_on(m, getattr(nic, name), getattr(self, name), nic.signature.members[name])
        wiring.connect(m, nic.m_axis_tx, mac.frames_tx)
        wiring.connect(m, mac.frames_rx, nic.s_axis_rx)
        wiring.connect(m, nic.mac, mac.nic)
        m.d.comb += mac.gap.eq(nic.tx_gap_bytes)
        wiring.connect(m, mac.gmii, wiring.flipped(self.gmii))

        for domain, clock in (("tx", self.gtx_clk), ("rx", self.rx_clk)):
            m.domains += ClockDomain(domain)
            m.submodules[f"{domain}_reset"] = ResetSynchronizer(ResetSignal(), domain=domain)
            m.d.comb += ClockSignal(domain).eq(clock)
        return m


def _pass_on(m, inner, outer, member) -> None:
    """Make a port of the NIC one of the whole."""
    if member.is_signature:
        wiring.connect(m, inner, wiring.flipped(outer))
    elif member.flow == Out:
        m.d.comb += outer.eq(inner)
    else:
        m.d.comb += inner.eq(outer)
