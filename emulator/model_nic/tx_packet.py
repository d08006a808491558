"""Frames from descriptors and their data: which descriptor's options hold, and what is done to the frame.

Of a packet's options POPTS and TSE are those of its first descriptor; IFCS, VLE and the tag are the last one's, but
with TSE the first one's (SDM 3.3.3.1, 3.3.7.1). IC, CSS and CSO, too, are the first one's, as in hdl/nic/tx_packets.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from emulator.model_nic import tx_descriptor as descriptor
from emulator.model_nic.statistics import Statistics
from emulator.model_nic.tx_checksum import Sum, insert
from emulator.model_nic.tx_descriptor import NO_CONTEXT, Context, Fetched, Kind
from emulator.model_nic.tx_segmentation import Segment, Segmentation
from emulator.model_nic.tx_vlan import insert_tag

_LEGACY = Kind.LEGACY  # a member costs a search through its class each time it is named


class Frame(NamedTuple):
    """A frame for the FIFO.

    Attributes:
        data: without FCS; without ``insert_fcs`` its last bytes are the FCS, as software made it.
    """

    data: bytes
    insert_fcs: bool


class PacketBuilder:
    """The contexts, and the packet whose descriptors come in.

    Attributes:
        tag_ethertype: of the tags to insert; 0 for none, whatever a descriptor asks for.
    """

    __slots__ = (
        "_checksums",
        "_context",
        "_first",
        "_parts",
        "_segmentation",
        "_segments",
        "_statistics",
        "tag_ethertype",
    )

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics
        self.tag_ethertype = 0
        self.reset()

    def reset(self) -> None:
        """Device reset."""
        self._checksums = self._segmentation = NO_CONTEXT
        self.drop()

    def drop(self) -> None:
        """Forget the packet that is not whole."""
        self._first: Fetched | None = None
        self._context = NO_CONTEXT  # of the packet
        self._parts: list[bytes] = []
        self._segments: Segmentation | None = None

    @property
    def waiting(self) -> int:
        """Bytes of the packet that is not whole."""
        return self._segments.waiting if self._segments is not None else sum(map(len, self._parts))

    def add(self, fetched: Fetched, data: bytes) -> Sequence[Frame]:
        """A descriptor and its data have come; returns the frames that are whole now."""
        if fetched.kind is not _LEGACY and fetched.kind is not Kind.DATA:
            if fetched.context is not None:
                self._set_context(fetched.context)
            return ()
        first = self._first
        if first is None:
            first = self._begin(fetched)
        if self._segments is not None:
            frames = self._add_to_segments(self._segments, first, fetched, data)
        else:
            self._parts.append(data)
            frames = self._whole(first, fetched) if fetched.ends else ()
        if fetched.ends:
            self.drop()
        return frames

    def _set_context(self, context: Context) -> None:
        """A context holds from the next packet on."""
        if context.tse:
            self._segmentation = context
        else:
            self._checksums = context

    def _begin(self, first: Fetched) -> Fetched:
        """A packet begins."""
        self._first = first
        self._context = self._checksums
        if first.kind is Kind.DATA and first.command & descriptor.TSE:
            self._context = self._segmentation
            self._segments = Segmentation(self._context)
        return first

    def _whole(self, first: Fetched, last: Fetched) -> Sequence[Frame]:
        """The frame of a packet that is not segmented; none if there was no data."""
        data = b"".join(self._parts)
        if first.kind is Kind.DATA:
            data = _with_checksums(data, _sums(self._context, first.css))
        elif first.command & descriptor.IC:
            data = _with_checksums(data, [Sum(first.css, 0, first.cso)])
        return (self._finish(data, last),) if data else ()

    def _add_to_segments(
        self, segments: Segmentation, first: Fetched, fetched: Fetched, data: bytes
    ) -> Sequence[Frame]:
        """More of a packet that is segmented; ``first`` is its first descriptor."""
        made = segments.add(data)
        if fetched.ends:
            rest, whole = segments.end()
            made += rest
            self._statistics.segmented_packet(whole)
        return [self._finish(self._summed(segment, first), first) for segment in made]

    def _summed(self, segment: Segment, first: Fetched) -> bytes:
        return _with_checksums(segment.data, _sums(self._context, first.css, segment.transport_bytes))

    def _finish(self, data: bytes, options: Fetched) -> Frame:
        """Insert the tag, if the descriptor that decides it asks for one."""
        if options.command & descriptor.VLE and self.tag_ethertype:
            data = insert_tag(data, self.tag_ethertype, options.special)
        return Frame(data, bool(options.command & descriptor.IFCS))


def _sums(context: Context, popts: int, transport_bytes: int = 0) -> list[Sum]:
    """The checksums that a data descriptor asks for. Software sums up the pseudo header, but not a segment's length."""
    sums = []
    if popts & descriptor.IXSM:
        sums.append(Sum(context.ipcss, context.ipcse, context.ipcso))
    if popts & descriptor.TXSM:
        udp = not context.tcp
        sums.append(Sum(context.tucss, context.tucse, context.tucso, transport_bytes, never_zero=udp))
    return sums


def _with_checksums(data: bytes | bytearray, sums: list[Sum]) -> bytes:
    frame = bytearray(data)
    insert(frame, sums)
    return bytes(frame)
