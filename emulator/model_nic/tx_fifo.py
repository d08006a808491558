"""The transmit FIFO and the wire behind it: whole frames leave one after the other (SDM 3.3).

With RCTL.LBM they come back as received ones instead (SDM 13.4.22), at the pace of the NIC and not of the wire.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

from emulator.engines.base import Listener, SentFrame
from emulator.model_nic.schedule import Schedule
from emulator.model_nic.statistics import Statistics
from emulator.model_nic.timing import CLOCK_NS, COMMIT_NS
from emulator.model_nic.tx_packet import Frame
from emulator.wire_timing import FCS_BYTES, GAP_BYTES, MIN_FRAME_BYTES, PREAMBLE_BYTES, PS_PER_NS
from hdl.nic.regmap import RCTL, TCTL, TIPG

FIFO_BYTES = 16 * 1024
_LOOP_BYTE_PS = CLOCK_NS * PS_PER_NS // 8  #: 8 bytes a clock
_IPG_BYTES = 4  #: what the hardware adds to TIPG.IPGT


class Feeder(Protocol):
    """A queue in front of the FIFO."""

    @property
    def waiting(self) -> int:
        """Bytes in the FIFO of a packet that is not whole."""

    def look_again(self) -> None:
        """There may be room in the FIFO now."""


class TxFifo:
    """The FIFO and the wire of one NIC.

    Attributes:
        feeders: the queues in front of it.
        frames: whole ones that are in the FIFO or on the wire.
        asked_bytes, asked_ends: of data that is on its way, and ends of packets in it.
        cut_off: frames that were whole in the FIFO, or on the wire, when a reset came.
        listener: called with each frame that is sent.
        receive: called with each frame that comes back: its bytes without FCS, and whether that is wrong.
    """

    __slots__ = (
        "_byte_ps",
        "_bytes",
        "_gap_ps",
        "_loops",
        "_pad",
        "_resets",
        "_schedule",
        "_statistics",
        "_wire_free_ps",
        "asked_bytes",
        "asked_ends",
        "cut_off",
        "feeders",
        "frames",
        "listener",
        "receive",
    )

    def __init__(self, schedule: Schedule, byte_ps: int, statistics: Statistics, values: Mapping[int, int]) -> None:
        """``values``: the stored registers by offset, as they are after reset."""
        self._schedule = schedule
        self._byte_ps = byte_ps
        self._statistics = statistics
        self._resets = self.frames = self.cut_off = 0
        self._wire_free_ps = 0  # the last frame and its gap are over
        self.asked_bytes = self.asked_ends = 0
        self.feeders: list[Feeder] = []
        self.listener: Listener | None = None
        self.receive: Callable[[bytes, bool], None] | None = None
        self.reset(values)

    def reset(self, values: Mapping[int, int]) -> None:
        """Device reset: it is empty; a frame on the wire is cut off and nobody takes it for one."""
        self._bytes = 0  # of whole frames
        self._resets += 1
        self.cut_off += self.frames
        self.frames = 0
        self._wire_free_ps = min(self._wire_free_ps, self._schedule.now * PS_PER_NS)
        self.configure(values)

    def configure(self, values: Mapping[int, int]) -> None:
        """Take over the registers after one of them was written."""
        self._pad = bool(values[TCTL.offset] & TCTL.PSP)
        self._loops = bool(RCTL.LBM.get(values[RCTL.offset]))
        gap_bytes = max(TIPG.IPGT.get(values[TIPG.offset]) + _IPG_BYTES, GAP_BYTES)
        self._gap_ps = gap_bytes * self._byte_ps

    @property
    def empty_ns(self) -> int:
        """When the last frame that is whole now has left."""
        return -(-(self._wire_free_ps - self._gap_ps) // PS_PER_NS)

    def fills(self, length: int) -> bool:
        """Whether so much more data must wait until a frame has left; a frame that is larger than the FIFO need not."""
        if not self.frames and not self.asked_ends:
            return False
        held = self._bytes + self.asked_bytes
        for feeder in self.feeders:
            held += feeder.waiting
        return held + length > FIFO_BYTES

    def look_again(self) -> None:
        """There may be room now for data that waits for it."""
        for feeder in self.feeders:
            feeder.look_again()

    def load(self, frame: Frame) -> None:
        """A frame is whole: it goes out as soon as the wire is free."""
        data, bad_fcs = self._checked(frame)
        start = max((self._schedule.now + COMMIT_NS) * PS_PER_NS, self._wire_free_ps)
        byte_ps, gap_ps = self._byte_ps, self._gap_ps
        if self._loops:
            byte_ps, gap_ps = _LOOP_BYTE_PS, GAP_BYTES * _LOOP_BYTE_PS
        end = start + (PREAMBLE_BYTES + len(data) + FCS_BYTES) * byte_ps
        self._wire_free_ps = end + gap_ps
        self.frames += 1
        self._bytes += len(frame.data)
        sent = SentFrame(data, start, end, bad_fcs)
        work = self._resets, self._loops, sent, len(frame.data)
        self._schedule.at(-(-end // PS_PER_NS), self._leave, work)

    def _checked(self, frame: Frame) -> tuple[bytes, bool]:
        """A frame as the wire gets it, without FCS; and whether its FCS, if software made it, is wrong."""
        data = frame.data
        if not frame.insert_fcs:
            data, fcs = data[:-FCS_BYTES], data[-FCS_BYTES:]
            bad_fcs = zlib.crc32(data).to_bytes(FCS_BYTES, "little") != fcs
            return data, bad_fcs
        return data.ljust(MIN_FRAME_BYTES, b"\0") if self._pad else data, False

    def _leave(self, work: tuple[int, bool, SentFrame, int]) -> None:
        """A frame has left, or come back, and so many bytes of the FIFO are free."""
        resets, loops, frame, length = work
        if resets != self._resets:
            return
        self.frames -= 1
        self._bytes -= length
        self.look_again()
        self._statistics.sent_frame(len(frame.data) + FCS_BYTES, frame.data[:6])
        if loops:
            if self.receive is not None:
                self.receive(frame.data, frame.bad_fcs)
        elif self.listener is not None:
            self.listener(frame)
