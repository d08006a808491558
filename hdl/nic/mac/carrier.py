"""What the PHY says between frames, with RX_ER and no RX_DV (IEEE 802.3, table 35-1).

The carrier extension itself belongs to half duplex; on full duplex it is ignored.
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.mac.gmii import RxPins

FALSE_CARRIER = 0x0E
EXTENSION = 0x0F
EXTENSION_ERROR = 0x1F


class Carrier(wiring.Component):
    """Tells when a condition begins.

    Attributes:
        pins: of the GMII.
        false_carrier: pulse, the PHY sees a carrier that begins with no valid start.
        extension_error: pulse, an error within a carrier extension.
    """

    pins: In(RxPins)
    false_carrier: Out(1)
    extension_error: Out(1)

    def elaborate(self, platform):
        m = Module()
        between = ~self.pins.dv & self.pins.er
        for pulse, code in ((self.false_carrier, FALSE_CARRIER), (self.extension_error, EXTENSION_ERROR)):
            now, before = between & (self.pins.rxd == code), Signal(name=f"{pulse.name}_before")
            m.d.sync += before.eq(now)
            m.d.comb += pulse.eq(now & ~before)
        return m
