"""The statistics registers (SDM 13.7): clear on read, stick at the maximum."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict

from hdl.nic.regmap import (
    BPRC,
    BPTC,
    CRCERRS,
    GORCH,
    GORCL,
    GOTCH,
    GOTCL,
    GPRC,
    GPTC,
    MPC,
    MPRC,
    MPTC,
    PRC64,
    PRC127,
    PRC255,
    PRC511,
    PRC1023,
    PRC1522,
    REGISTER_BITS,
    REGISTERS,
    RFC,
    RJC,
    RLEC,
    RNBC,
    ROC,
    RUC,
    TORH,
    TORL,
    TPR,
    TPT,
    TSCTC,
    TSCTFC,
    Access,
    Register,
)

BROADCAST = b"\xff" * 6

_WIDE: tuple[type[Register], ...] = (GORCL, GORCH, GOTCL, GOTCH, TORL, TORH)
_NARROW = [register for register in REGISTERS if register.access is Access.READ_CLEARS and register not in _WIDE]
_MAX = (1 << REGISTER_BITS) - 1
_WIDE_MAX = (1 << 2 * REGISTER_BITS) - 1

_SIZES = (64, 127, 255, 511, 1023)  # the longest frame of each size register but the last
_SIZE_REGISTERS = tuple(register.offset for register in (PRC64, PRC127, PRC255, PRC511, PRC1023, PRC1522))


class Statistics:
    """Counts what becomes of frames; lengths are in bytes with the FCS.

    Good frames are counted by their length, and the registers made of that when one is read.

    Attributes:
        offsets: of all statistics registers.
    """

    __slots__ = ("_counts", "_good_octets", "_lengths", "_sent_octets", "_total_octets")

    offsets = frozenset(register.offset for register in (*_NARROW, *_WIDE))

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Everything is zero."""
        self._counts = dict.fromkeys((register.offset for register in _NARROW), 0)
        self._good_octets = self._sent_octets = self._total_octets = 0
        self._lengths: defaultdict[int, int] = defaultdict(int)  # good frames by length, not in the registers yet

    def read(self, offset: int) -> int:
        """A read of the register at this offset."""
        self._add_good_frames()
        if offset in self._counts:
            count, self._counts[offset] = self._counts[offset], 0
            return min(count, _MAX)
        match offset:
            case GORCL.offset:
                return min(self._good_octets, _WIDE_MAX) & _MAX
            case GOTCL.offset:
                return min(self._sent_octets, _WIDE_MAX) & _MAX
            case TORL.offset:
                return min(self._total_octets, _WIDE_MAX) & _MAX
            case GORCH.offset:
                octets, self._good_octets = self._good_octets, 0
            case GOTCH.offset:
                octets, self._sent_octets = self._sent_octets, 0
            case _:
                octets, self._total_octets = self._total_octets, 0
        return min(octets, _WIDE_MAX) >> REGISTER_BITS

    def other_frame(self, length: int) -> None:
        """A frame arrived that is not a good one."""
        self._counts[TPR.offset] += 1
        self._total_octets += length

    def good_frame(self, length: int, destination: bytes) -> None:
        """A frame arrived, has no errors, passed the filter and went into the FIFO."""
        self._lengths[length] += 1
        if destination[0] & 1:
            self._counts[BPRC.offset if destination == BROADCAST else MPRC.offset] += 1

    def sent_frame(self, length: int, destination: bytes) -> None:
        """A frame left."""
        self._counts[GPTC.offset] += 1
        self._counts[TPT.offset] += 1
        self._sent_octets += length
        if destination and destination[0] & 1:
            self._counts[BPTC.offset if destination == BROADCAST else MPTC.offset] += 1

    def segmented_packet(self, whole: bool) -> None:
        """The last segment of a packet is in the FIFO; whether that was all of what its context announced."""
        self._counts[TSCTC.offset if whole else TSCTFC.offset] += 1

    def short_frame(self, bad_fcs: bool) -> None:
        """A frame under the minimum length passed the filter."""
        self._counts[RLEC.offset] += 1
        self._counts[RFC.offset if bad_fcs else RUC.offset] += 1

    def long_frame(self, bad_fcs: bool) -> None:
        """A frame over the maximum length passed the filter."""
        self._counts[RLEC.offset] += 1
        self._counts[RJC.offset if bad_fcs else ROC.offset] += 1

    def bad_fcs(self) -> None:
        """A frame of the minimum length or more with a bad FCS passed the filter."""
        self._counts[CRCERRS.offset] += 1

    def missed(self) -> None:
        """A frame found no room in the FIFO."""
        self._counts[MPC.offset] += 1

    def no_buffer(self) -> None:
        """A frame went into the FIFO while no descriptor was free."""
        self._counts[RNBC.offset] += 1

    def _add_good_frames(self) -> None:
        counts = self._counts
        for length, frames in self._lengths.items():
            counts[TPR.offset] += frames
            counts[GPRC.offset] += frames
            counts[_SIZE_REGISTERS[bisect_left(_SIZES, length)]] += frames
            self._good_octets += frames * length
            self._total_octets += frames * length
        self._lengths.clear()
