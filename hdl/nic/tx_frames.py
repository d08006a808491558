"""From transmit descriptors to the pieces of frames (SDM 3.3): what is to be fetched, and what becomes of it.

The pieces go through the whole fetching path in order, those without data too; so the last one of a descriptor, when it
comes out at the other end, says that the descriptor is finished with.
"""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.layouts import TxDescriptor
from hdl.nic.tx_offload import TxSegment, TxSums
from hdl.nic.tx_packets import TxPackets
from hdl.nic.tx_piece import TxPiece
from hdl.nic.tx_segments import TxSegments


class TxFrames(wiring.Component):
    """See the module's docstring. It is to be reset with the device.

    Parameters:
        several: it is that of one of several queues, which take turns (hdl/nic/tx_turns.py).

    Attributes:
        enable: a descriptor may be begun.
        abort: end the frame that has begun, if one has, with a piece that drops it; only while ``enable`` is low.
        descriptors: in the order of the ring.
        pieces: in the order of the wire.
        segments: one for each segment of a packet that is segmented, before its first piece.
        sums: one for each frame with checksums, before its first piece.
        between: no frame has begun: every piece up to the end of the last frame has been taken.
        segmented, segmentation_failed: pulse, a packet that is segmented is over, as TSCTC and TSCTFC count it.
        holds, ends: of TxSegments; only if there are several queues.
    """

    def __init__(self, *, several: bool = False):
        self._several = several
        super().__init__(
            {
                "enable": In(1),
                "abort": In(1),
                "descriptors": In(stream.Signature(TxDescriptor)),
                "pieces": Out(stream.Signature(TxPiece)),
                "segments": Out(stream.Signature(TxSegment)),
                "sums": Out(stream.Signature(TxSums)),
                "between": Out(1),
                "segmented": Out(1),
                "segmentation_failed": Out(1),
                **({"holds": Out(1), "ends": Out(1)} if several else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.packets = packets = TxPackets()
        m.submodules.segments = segments = TxSegments(several=self._several)
        wiring.connect(m, wiring.flipped(self.descriptors), packets.descriptors)
        wiring.connect(m, packets.parts, segments.parts)
        for name in ("pieces", "segments", "sums"):
            wiring.connect(m, getattr(segments, name), wiring.flipped(getattr(self, name)))
        m.d.comb += [
            packets.enable.eq(self.enable),
            packets.abort.eq(self.abort),
            segments.abort.eq(self.abort),
            self.between.eq(packets.between & segments.between & ~packets.parts.valid),
            self.segmented.eq(segments.whole),
            self.segmentation_failed.eq(segments.failed),
        ]
        if self._several:
            m.d.comb += [self.holds.eq(segments.holds), self.ends.eq(segments.ends)]
        return m
