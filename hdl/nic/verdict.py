"""What becomes of a received frame, as the NIC reports it on ``rx_verdict``."""

from amaranth.lib import enum


class RxVerdict(enum.Enum, shape=3):
    """One per frame; the values are part of the contract with the engines (emulator/engines/base.py)."""

    KEPT = 0  # committed to the receive FIFO
    MISSED = 1  # no room in the FIFO (MPC)
    ERROR = 2  # bad FCS, too long or too short, and RCTL.SBP clear
    FILTERED = 3  # not for this station
    DISABLED = 4  # the receiver was off when it began
