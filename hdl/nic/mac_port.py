"""What the NIC and its MAC tell each other besides frames: settings, events, and pause frames to be sent."""

from amaranth.lib import stream
from amaranth.lib.wiring import In, Out, Signature

from hdl.nic.mac_events import MacEvents


class MacPort(Signature):
    """Seen from the NIC.

    Members:
        rfce: CTRL.RFCE: heed pause frames.
        station: the station's address, RAL and RAH 0; addresses have the first byte on the wire in bits 7 to 0.
        pause_address: FCAL and FCAH, the destination of pause frames.
        pause_type: FCT, the type of MAC control frames.
        pause: pause frames to be sent, each with its time in units of 512 bit times; taken when it was sent.
        events: for the statistics.
    """

    def __init__(self):
        super().__init__(
            {
                "rfce": Out(1),
                "station": Out(48),
                "pause_address": Out(48),
                "pause_type": Out(16),
                "pause": Out(stream.Signature(16)),
                "events": In(MacEvents),
            }
        )
