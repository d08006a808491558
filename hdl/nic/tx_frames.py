"""From transmit descriptors to the pieces of frames (SDM 3.3.3): what is to be fetched, and what becomes of it.

The pieces go through the whole fetching path in order, those without data too; so the last one of a descriptor, when it
comes out at the other end, says that the descriptor is finished with.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.layouts import TxDescriptor


class TxFrame(data.Struct):
    """What is to be done with a frame; it goes with the frame to the wire."""

    insert_fcs: 1
    drop: 1  # it is not whole, or cannot be: nothing of it is sent


class TxReport(data.Struct):
    """What the driver wants to hear of a descriptor."""

    report: 1  # RS: write it back
    report_sent: 1  # RPS: write it back, but not before the frame has left
    delay: 1  # IDE: the interrupt may be delayed


class TxSource(enum.Enum, shape=2):
    """Where the bytes of a piece come from, and where they go."""

    MEMORY = 0  # from host memory into the frame
    STORE = 1  # from host memory into the header memory: the headers of a packet that is segmented; no FIFO room
    INSERT = 2  # from the header memory into the frame: nothing to fetch, but FIFO room


class TxPiece(data.Struct):
    """Bytes that belong to a frame, one behind the other."""

    address: 64
    length: 20  # bytes; may be 0
    source: TxSource
    end: 1  # the frame ends with them
    frame: TxFrame  # with ``end``
    done: 1  # the descriptor is finished with once they are in the FIFO
    report: TxReport  # with ``done``


class TxFrames(wiring.Component):
    """See the module's docstring. It is to be reset with the device.

    Attributes:
        enable: a descriptor may be begun.
        abort: end the frame that has begun, if one has, with a piece that drops it; only while ``enable`` is low.
        descriptors: in the order of the ring.
        pieces: in the order of the wire.
        between: no frame has begun: every piece up to the end of the last frame has been taken.
    """

    enable: In(1)
    abort: In(1)
    descriptors: In(stream.Signature(TxDescriptor))
    pieces: Out(stream.Signature(TxPiece))
    between: Out(1)

    def elaborate(self, platform):
        m = Module()
        descriptor, piece = self.descriptors.payload, self.pieces.payload
        command = descriptor.command
        begun = Signal()  # the last piece was not the end of its frame
        free = ~self.pieces.valid | self.pieces.ready
        supported = ~command.DEXT
        m.d.comb += [
            self.descriptors.ready.eq(free & self.enable & supported),
            self.between.eq(~begun & ~self.pieces.valid),
        ]
        with m.If(self.descriptors.valid & self.descriptors.ready):
            m.d.sync += [
                self.pieces.valid.eq(1),
                piece.address.eq(descriptor.address),
                piece.length.eq(Mux(descriptor.address == 0, 0, descriptor.length)),  # a null address has no data
                piece.source.eq(TxSource.MEMORY),
                piece.end.eq(command.EOP),
                piece.frame.insert_fcs.eq(command.IFCS),
                piece.frame.drop.eq(0),
                piece.done.eq(1),
                piece.report.report.eq(command.RS),
                piece.report.report_sent.eq(command.RPS),
                piece.report.delay.eq(command.IDE),
                begun.eq(~command.EOP),
            ]
        with m.Elif(self.abort & begun & free):
            m.d.sync += [
                self.pieces.valid.eq(1),
                piece.length.eq(0),
                piece.end.eq(1),
                piece.frame.drop.eq(1),
                piece.done.eq(0),
                begun.eq(0),
            ]
        with m.Elif(self.pieces.ready):
            m.d.sync += self.pieces.valid.eq(0)
        return m
