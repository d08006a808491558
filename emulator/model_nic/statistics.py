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
    PTC64,
    PTC127,
    PTC255,
    PTC511,
    PTC1023,
    PTC1522,
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
    TOTH,
    TOTL,
    TPR,
    TPT,
    TSCTC,
    TSCTFC,
    Access,
    Register,
)

BROADCAST = b"\xff" * 6

_WIDE: tuple[type[Register], ...] = (GORCL, GORCH, GOTCL, GOTCH, TORL, TORH, TOTL, TOTH)
_NARROW = [register for register in REGISTERS if register.access is Access.READ_CLEARS and register not in _WIDE]
_LOW_HALF = {GORCH.offset: GORCL.offset, GOTCH.offset: GOTCL.offset, TORH.offset: TORL.offset, TOTH.offset: TOTL.offset}
_MAX = (1 << REGISTER_BITS) - 1
_WIDE_MAX = (1 << 2 * REGISTER_BITS) - 1

_MIN_BYTES = 64  # of a good frame
_SIZES = (64, 127, 255, 511, 1023)  # the longest frame of each size register but the last
_RECEIVED_SIZES = tuple(register.offset for register in (PRC64, PRC127, PRC255, PRC511, PRC1023, PRC1522))
_SENT_SIZES = tuple(register.offset for register in (PTC64, PTC127, PTC255, PTC511, PTC1023, PTC1522))


class Octets:
    """A counter of 64 bits: reading its low half latches the high half, reading that clears what has been shown.

    Attributes:
        total: octets that were not cleared.
    """

    __slots__ = ("_shown", "total")

    def __init__(self) -> None:
        self.total = 0
        self._shown: int | None = None  # at the last read of the low half, if the high half was not read since

    def read_low(self) -> int:
        """A read of the low half."""
        self._shown = self.total
        return min(self.total, _WIDE_MAX) & _MAX

    def read_high(self) -> int:
        """A read of the high half."""
        shown = self.total if self._shown is None else self._shown
        self.total -= shown
        self._shown = None
        return min(shown, _WIDE_MAX) >> REGISTER_BITS


class Statistics:
    """Counts what becomes of frames; lengths are in bytes with the FCS.

    Good frames, and sent ones, are counted by their length, and the registers made of that when one is read.

    Attributes:
        offsets: of all statistics registers.
    """

    __slots__ = ("_counts", "_good_octets", "_lengths", "_octets", "_sent_lengths", "_total_octets")

    offsets = frozenset(register.offset for register in (*_NARROW, *_WIDE))

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Everything is zero."""
        self._counts = dict.fromkeys((register.offset for register in _NARROW), 0)
        self._good_octets, self._total_octets = Octets(), Octets()
        self._octets = {
            GORCL.offset: self._good_octets,
            GOTCL.offset: Octets(),
            TORL.offset: self._total_octets,
            TOTL.offset: Octets(),
        }
        # By length, what is not in the registers yet: good frames that arrived, and frames that left.
        self._lengths: defaultdict[int, int] = defaultdict(int)
        self._sent_lengths: defaultdict[int, int] = defaultdict(int)

    def read(self, offset: int) -> int:
        """A read of the register at this offset."""
        self._add_good_frames()
        self._add_sent_frames()
        if offset in self._counts:
            count, self._counts[offset] = self._counts[offset], 0
            return min(count, _MAX)
        if offset in self._octets:
            return self._octets[offset].read_low()
        return self._octets[_LOW_HALF[offset]].read_high()

    def other_frame(self, length: int) -> None:
        """A frame arrived that is not a good one."""
        self._counts[TPR.offset] += 1
        self._total_octets.total += length

    def good_frame(self, length: int, destination: bytes) -> None:
        """A frame arrived, has no errors, passed the filter and went into the FIFO."""
        self._lengths[length] += 1
        if destination[0] & 1:
            self._counts[BPRC.offset if destination == BROADCAST else MPRC.offset] += 1

    def sent_frame(self, length: int, destination: bytes) -> None:
        """A frame left."""
        self._sent_lengths[length] += 1
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
            counts[_RECEIVED_SIZES[bisect_left(_SIZES, length)]] += frames
            self._good_octets.total += frames * length
            self._total_octets.total += frames * length
        self._lengths.clear()

    def _add_sent_frames(self) -> None:
        counts = self._counts
        for length, frames in self._sent_lengths.items():
            counts[TPT.offset] += frames
            self._octets[TOTL.offset].total += frames * length
            if length >= _MIN_BYTES:
                counts[GPTC.offset] += frames
                counts[_SENT_SIZES[bisect_left(_SIZES, length)]] += frames
                self._octets[GOTCL.offset].total += frames * length
        self._sent_lengths.clear()
