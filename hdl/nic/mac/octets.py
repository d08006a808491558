"""What travels inside the MAC: octets at the line's rate, and beats of eight of them."""

from amaranth.lib import data
from amaranth.lib.wiring import Out, Signature

#: Octets of a beat.
LANES = 8


class Octet(data.Struct):
    """An octet of a frame."""

    data: 8
    last: 1  # ends the frame
    error: 1  # with ``last``: the frame is bad


class Beat(data.Struct):
    """Up to eight octets, filled from the lowest lane; only the last beat of a frame may have empty lanes."""

    data: 8 * LANES
    keep: LANES  # the lanes that are filled
    last: 1
    error: 1  # with ``last``: the frame is bad


class Flow(Signature):
    """A stream that cannot be held up: the line does not wait."""

    def __init__(self, shape):
        super().__init__({"payload": Out(shape), "valid": Out(1)})
