"""A beat of a frame on its way from the MAC to the FIFO, and what is known of the frame by its last beat."""

from functools import reduce
from operator import or_

from amaranth.hdl import Mux
from amaranth.lib import data

#: Bytes of the FCS (IEEE 802.3, 3.2.9).
FCS_BYTES = 4

#: Where an Ethernet header has its type or length; an 802.1Q tag takes this place and moves it up.
TYPE_AT = 12

#: Bytes of an 802.1Q tag: its type, priority, CFI and VLAN.
TAG_BYTES = 4


class RxInfo(data.Struct):
    """Of a frame, as it came from the MAC; valid with its last beat."""

    length: 17  # bytes, FCS included; sticks near the maximum
    bad: 1  # wrong FCS, or the PHY reported an error
    short: 1
    long: 1
    enabled: 1  # the receiver was on when it began
    looped: 1  # it comes from the transmit path, not from the wire
    passed: 1  # it is for this station
    inexact: 1  # and it is because of MTA, MPE or UPE alone
    broadcast: 1
    multicast: 1
    stripped: 1  # its 802.1Q tag is taken out
    tag: 16  # which is this
    fcs_stripped: 1


def beat_layout(data_width: int) -> data.StructLayout:
    """A beat: its bytes lie in the lowest lanes; only a frame's last beat may have fewer than there are lanes.

    After a tag or an FCS was taken out that still holds.
    """
    return data.StructLayout(
        {"data": data_width, "bytes": range(data_width // 8 + 1), "first": 1, "last": 1, "info": RxInfo}
    )


def count_bytes(keep):
    """Bytes of a beat of an AXI4-Stream, whose lanes are filled from the lowest: the number of the first empty lane."""
    highest = (keep[lane] & ~keep[lane + 1] for lane in range(len(keep) - 1))
    counts = [Mux(is_highest, lane + 1, 0) for lane, is_highest in enumerate(highest)]
    return reduce(or_, counts, Mux(keep[-1], len(keep), 0))
