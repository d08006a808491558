"""Events that only the MAC sees; the statistics count each in the register of its name."""

from amaranth.lib import data


class MacEvents(data.Struct):
    """A pulse each."""

    SYMERRS: 1  # the PHY saw a carrier without a valid start
    RXERRC: 1  # a frame came with a receive error of the PHY, or a carrier with no frame in it
    CEXTERR: 1  # the PHY signalled an error within a carrier extension
    MPC: 1  # a frame found no room on its way from the MAC to the NIC
    XONRXC: 1  # a pause frame with time 0 came
    XOFFRXC: 1  # a pause frame with another time came
    XONTXC: 1  # a pause frame with time 0 left
    XOFFTXC: 1  # a pause frame with another time left
    FCRUC: 1  # a MAC control frame with another opcode came
