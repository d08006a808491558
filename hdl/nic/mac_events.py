"""Events that only the MAC sees; the statistics count each in the register of its name."""

from amaranth.lib import data


class MacEvents(data.Struct):
    """A pulse each."""

    RXERRC: 1  # a frame came with a receive error of the PHY
    XONRXC: 1  # a pause frame with time 0 came
    XOFFRXC: 1  # a pause frame with another time came
    XONTXC: 1  # a pause frame with time 0 left
    XOFFTXC: 1  # a pause frame with another time left
    FCRUC: 1  # a MAC control frame with another opcode came
