"""What is counted about a frame that was sent; the transmit side tells the statistics."""

from amaranth.lib import data


class TxSummary(data.Struct):
    """A frame that has left whole."""

    length: 17  # bytes, FCS and inserted tag included
    broadcast: 1
    multicast: 1  # a group address, but not broadcast
