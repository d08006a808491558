"""Registers of the PHY, by their numbers: IEEE 802.3 22.2.4 and 40.5.1, and from 16 on the M88E1000 family's.

Standard library only, as the driver accesses the same registers.
"""

import enum

CONTROL = 0
STATUS = 1
ID1 = 2
ID2 = 3
ADVERTISE = 4
PARTNER = 5
EXPANSION = 6
GIGABIT_CONTROL = 9
GIGABIT_STATUS = 10
EXTENDED_STATUS = 15
SPECIFIC_CONTROL = 16
SPECIFIC_STATUS = 17
EXTENDED_SPECIFIC_CONTROL = 20

#: What ID1 and ID2 say, without the revision in the lowest four bits.
M88E1011_I_PHY_ID = 0x01410C20
REVISION = 0xF


class Control(enum.IntFlag):
    """CONTROL."""

    RESTART = 1 << 9  #: negotiate anew; clears itself
    POWER_DOWN = 1 << 11
    NEGOTIATE = 1 << 12
    RESET = 1 << 15  #: clears itself


class Status(enum.IntFlag):
    """STATUS."""

    LINK = 1 << 2  #: the link is up, and was since the last read
    NEGOTIATED = 1 << 5


class SpecificStatus(enum.IntFlag):
    """SPECIFIC_STATUS: what was negotiated."""

    LINK = 1 << 10
    RESOLVED = 1 << 11
    FULL_DUPLEX = 1 << 13
    SPEED = 3 << 14
    GIGABIT = 2 << 14
