"""Signatures of the NIC's AXI ports, from the master's or source's side (Arm IHI 0022 and IHI 0051).

Members are named as in the specification and flat, so that a port ``m_axi`` becomes ``m_axi__awaddr`` in Verilog.
"""

from amaranth.lib import enum
from amaranth.lib.wiring import In, Out, Signature

#: A burst may not cross a boundary of this many bytes (IHI 0022, A3.4.1).
BOUNDARY = 4096

#: A burst has no more beats than this.
MAX_BEATS = 256


class Burst(enum.Enum, shape=2):
    """AxBURST."""

    FIXED = 0
    INCR = 1
    WRAP = 2


class Resp(enum.Enum, shape=2):
    """xRESP."""

    OKAY = 0
    EXOKAY = 1
    SLVERR = 2
    DECERR = 3


def _address_channel(prefix: str) -> dict:
    return {
        f"{prefix}id": Out(1),
        f"{prefix}addr": Out(64),
        f"{prefix}len": Out(8),
        f"{prefix}size": Out(3),
        f"{prefix}burst": Out(Burst),
        f"{prefix}valid": Out(1),
        f"{prefix}ready": In(1),
    }


class AxiWrite(Signature):
    """Write address and write data channels of AXI4; their responses are :class:`AxiWriteResponse`."""

    def __init__(self, data_width: int):
        super().__init__(
            {
                **_address_channel("aw"),
                "wdata": Out(data_width),
                "wstrb": Out(data_width // 8),
                "wlast": Out(1),
                "wvalid": Out(1),
                "wready": In(1),
            }
        )


class AxiWriteResponse(Signature):
    """Write response channel of AXI4."""

    def __init__(self):
        super().__init__({"bid": In(1), "bresp": In(Resp), "bvalid": In(1), "bready": Out(1)})


class AxiRead(Signature):
    """Read address and read data channels of AXI4."""

    def __init__(self, data_width: int):
        super().__init__(
            {
                **_address_channel("ar"),
                "rid": In(1),
                "rdata": In(data_width),
                "rresp": In(Resp),
                "rlast": In(1),
                "rvalid": In(1),
                "rready": Out(1),
            }
        )


class Axi(Signature):
    """All of AXI4 with 64-bit addresses."""

    def __init__(self, data_width: int):
        parts = AxiWrite(data_width), AxiWriteResponse(), AxiRead(data_width)
        super().__init__({name: member for part in parts for name, member in part.members.items()})


class AxiLite(Signature):
    """AXI4-Lite with 32-bit data."""

    def __init__(self, address_width: int):
        super().__init__(
            {
                "awaddr": Out(address_width),
                "awprot": Out(3),
                "awvalid": Out(1),
                "awready": In(1),
                "wdata": Out(32),
                "wstrb": Out(4),
                "wvalid": Out(1),
                "wready": In(1),
                "bresp": In(Resp),
                "bvalid": In(1),
                "bready": Out(1),
                "araddr": Out(address_width),
                "arprot": Out(3),
                "arvalid": Out(1),
                "arready": In(1),
                "rdata": In(32),
                "rresp": In(Resp),
                "rvalid": In(1),
                "rready": Out(1),
            }
        )


class AxiStream(Signature):
    """AXI4-Stream of frames; ``tuser`` flags a bad frame, valid with ``tlast``."""

    def __init__(self, data_width: int):
        super().__init__(
            {
                "tdata": Out(data_width),
                "tkeep": Out(data_width // 8),
                "tlast": Out(1),
                "tuser": Out(1),
                "tvalid": Out(1),
                "tready": In(1),
            }
        )


def connect_part(m, part, whole) -> None:
    """Connect a block's port to the members of the same names of a wider port, both seen as a master's.

    Arguments:
        m: the module that gets the assignments.
        part: the block's port, for example :class:`AxiRead`.
        whole: the port to the outside, for example :class:`Axi`.
    """
    for name, member in part.signature.members.items():
        inner, outer = getattr(part, name), getattr(whole, name)
        m.d.comb += outer.eq(inner) if member.flow == Out else inner.eq(outer)
