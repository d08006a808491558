"""What the NIC and its MAC tell each other besides frames: settings, events, and pause frames to be sent."""

from amaranth.lib import stream
from amaranth.lib.wiring import In, Out, Signature

from hdl.nic import regmap


class MacPort(Signature):
    """Seen from the NIC.

    Members:
        ipgt: TIPG.IPGT.
        rfce: CTRL.RFCE: heed pause frames.
        station: the station's address, RAL and RAH 0; addresses have the first byte on the wire in bits 7 to 0.
        pause_address: FCAL and FCAH, the destination of pause frames.
        pause_type: FCT, the type of MAC control frames.
        pause: pause frames to be sent, each with its time in units of 512 bit times; taken when it was sent.
        xon_received, xoff_received: pulse, a pause frame has come, with time 0 or another.
        phy_error: pulse, a frame has come in which the PHY signalled an error.
        no_frame: pulse, a carrier has come in which there was no frame.
        false_carrier: pulse, the PHY has seen a carrier without a valid start.
        extension_error: pulse, the PHY has signalled an error within a carrier extension.
        dropped: pulse, a frame found no room on its way to the NIC.
    """

    def __init__(self):
        super().__init__(
            {
                "ipgt": Out(regmap.TIPG.IPGT.width),
                "rfce": Out(1),
                "station": Out(48),
                "pause_address": Out(48),
                "pause_type": Out(16),
                "pause": Out(stream.Signature(16)),
                "xon_received": In(1),
                "xoff_received": In(1),
                "phy_error": In(1),
                "no_frame": In(1),
                "false_carrier": In(1),
                "extension_error": In(1),
                "dropped": In(1),
            }
        )
